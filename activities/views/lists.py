"""The list of all follow-ups, and what can be done with its rows."""

from django.core.exceptions import ValidationError
from django.db.models import Case, F, Value, When
from django.db.models.functions import Concat, Trim
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from activities import actions
from activities.models import Activity
from activities.views.one import check_not_past, parsed, postponements
from crm.tables.bulk import Action
from crm.tables.pages import ListPage
from crm.web import formats
from leads.views import bin as recycle_bin
from leads.views.lists import counted, may_delete, owner_of, owners


def tick_off(records, value, **how):
    return actions.set_done(records, True, **how)


def day_of(text):
    day = parsed(text)
    if day is None:
        raise ValidationError(_("Enter a date, for example 2026-01-31."))
    return day


def postponed(count, day):
    words = ngettext("%(count)s follow-up is now due %(when)s", "%(count)s follow-ups are now due %(when)s", count)
    return words % {"count": formats.number(count), "when": formats.near(day)}


def delete(records, value, *, as_of=None, **how):
    return actions.delete(records, **how)


DONE = Action(
    name="done", label=gettext_lazy("Tick off"), icon="check", run=tick_off, template="activities/act_yes.html",
    said=counted("%(count)s follow-up is done", "%(count)s follow-ups are done"), sets=True,
)  # fmt: skip
POSTPONE = Action(
    name="postpone", label=gettext_lazy("Postpone"), icon="clock", run=actions.postpone, value=day_of, said=postponed,
    check=lambda form: check_not_past(form.value), template="activities/act_postpone.html",
    context=lambda user, ids: {"days": postponements(timezone.localdate())}, sets=True,
)  # fmt: skip
OWN = Action(
    name="owner", label=gettext_lazy("Change owner"), icon="user", choices=owners, value=owner_of, run=actions.set_owner,
    said=counted("%(count)s follow-up now belongs to %(value)s", "%(count)s follow-ups now belong to %(value)s"), sets=True,
)  # fmt: skip
DELETE = Action(
    name="delete", label=gettext_lazy("Delete"), icon="trash", run=delete, allowed=may_delete, danger=True,
    template="activities/act_yes.html", said=counted("%(count)s follow-up is in the bin", "%(count)s follow-ups are in the bin"),
)  # fmt: skip

FOLLOW_UPS = ListPage(
    name="follow_ups", record="activity", path="follow-ups/", title=gettext_lazy("Follow-ups"), namespace="activities",
    preset="owner=me&done=0", queryset=lambda user: Activity.objects.visible_to(user), actions=(DONE, POSTPONE, OWN, DELETE),
    empty=gettext_lazy("Plan a call, a meeting or a task with a person or company."),
)  # fmt: skip
PAGES = (FOLLOW_UPS,)


def waiting(deleted):
    """Return the follow-ups that wait in the bin by themselves, each with whom it is about."""
    person = Trim(Concat("person__first_name", Value(" "), "person__last_name"))
    about = Case(When(person__isnull=False, then=person), default=F("company__name"))
    return actions.by_themselves(deleted).annotate(about=about)


recycle_bin.KINDS["activity"] = "about"
recycle_bin.BY_THEMSELVES["activity"] = waiting
recycle_bin.RESTORE["activity"] = actions.restore
