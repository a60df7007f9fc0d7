"""The lists of sales, and what can be done with their rows."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.tables.bulk import Action, Choice
from crm.tables.pages import ListPage
from leads.models import Person
from leads.views.lists import company_of, counted, items, may_delete, one_of, owner_of, owners
from sales import actions
from sales.models import Sale, SaleReason, SaleStage


def reasons(outcome):
    """Return the function that gives the reasons of won or of lost sales as choices."""

    def choices(user):
        found = SaleReason.objects.selectable().filter(outcome=outcome)
        made = [Choice(str(item.pk), item.name, item.colour, item.description) for item in found]
        return [*made, Choice("", _("No reason"))] if outcome == Sale.Status.WON else made

    return choices


def reason_of(outcome):
    def value(key):
        if not key and outcome == Sale.Status.WON:
            return None
        reason = one_of(SaleReason)(key)
        if reason.outcome != outcome:
            raise ValidationError(_("Choose one of these."))
        return reason

    return value


def win(sales, reason, **how):
    return actions.win(sales, reason=reason, **how)


def lose(sales, reason, **how):
    return actions.lose(sales, reason=reason, **how)


def reopen(sales, value, **how):
    return actions.reopen(sales, **how)


def delete(sales, value, *, as_of=None, **how):
    return actions.delete(sales, **how)


SET_STAGE = Action(
    name="status", label=gettext_lazy("Set stage"), icon="trending-up", choices=items(SaleStage), value=one_of(SaleStage),
    run=actions.set_stage, said=counted("%(count)s sale is now at %(value)s", "%(count)s sales are now at %(value)s"), sets=True,
)  # fmt: skip
WIN = Action(
    name="win", label=gettext_lazy("Won"), icon="circle-check", choices=reasons("won"), value=reason_of("won"), run=win,
    said=counted("%(count)s sale is won", "%(count)s sales are won"),
)  # fmt: skip
LOSE = Action(
    name="lose", label=gettext_lazy("Lost"), icon="circle-x", choices=reasons("lost"), value=reason_of("lost"), run=lose,
    said=counted("%(count)s sale is lost: %(value)s", "%(count)s sales are lost: %(value)s"),
)  # fmt: skip
OWN = Action(
    name="owner", label=gettext_lazy("Change owner"), icon="user", choices=owners, value=owner_of, run=actions.set_owner,
    said=counted("%(count)s sale now belongs to %(value)s", "%(count)s sales now belong to %(value)s"), sets=True,
)  # fmt: skip
DELETE = Action(
    name="delete", label=gettext_lazy("Delete"), icon="trash", run=delete, allowed=may_delete, danger=True,
    said=counted("%(count)s sale is in the bin", "%(count)s sales are in the bin"), template="leads/delete_rows.html",
    context=lambda user, ids: {"persons": 0, "along": actions.along("sale", ids), "days": settings.BIN_DAYS},
)  # fmt: skip
ACTIONS = (SET_STAGE, WIN, LOSE, OWN, DELETE)


def facts_of_sales(table) -> str:
    """Return how many of the sales shown are open, stalled and overdue, and won and lost if those are shown, too."""
    going_on = Q(status__in=[Sale.Status.OPEN, Sale.Status.STALLED])
    counts = table.count_with(
        ("status", "expected_on"),
        open=Count("pk", filter=Q(status=Sale.Status.OPEN)),
        stalled=Count("pk", filter=Q(status=Sale.Status.STALLED)),
        won=Count("pk", filter=Q(status=Sale.Status.WON)),
        lost=Count("pk", filter=Q(status=Sale.Status.LOST)),
        overdue=Count("pk", filter=going_on & Q(expected_on__lt=timezone.localdate())),
    )
    words = {name: table.in_words(counts[name]) for name in ("open", "stalled", "overdue", "won", "lost")}
    facts = [_("%(open)s open · %(stalled)s stalled"), _("%(overdue)s overdue")]
    if counts["won"] or counts["lost"]:
        facts.insert(1, _("%(won)s won · %(lost)s lost"))
    return " · ".join(facts) % words


#: What a list within a card shows: the company is clear there.
SHOWN = ("name", "status", "stage", "amount", "expected_on", "owner")


def person_of(user, pk):
    return get_object_or_404(Person.objects.visible_to(user), pk=pk)


def _head(kind, find):
    def head(request, pk):
        # Asked for by the page of its own only; the section tab of a card shows its record already.
        return {"of": SimpleLazyObject(lambda: find(request.user, pk)), "new_url": f"{reverse('sales:sale_new')}?{kind}={pk}"}

    return head


SALES = ListPage(
    name="sales", record="sale", path="sales/", title=gettext_lazy("Sales"), namespace="sales", preset="status=open,stalled",
    order="expected_on", queryset=lambda user: Sale.objects.visible_to(user), actions=ACTIONS, facts=facts_of_sales,
    empty=gettext_lazy("A sale is something a company may buy. Create the first one here, or from a person's card."),
)  # fmt: skip
COMPANY_SALES = ListPage(
    name="company_sales", record="sale", shows=SHOWN, path="companies/<int:pk>/sales/", title=gettext_lazy("Sales"), namespace="sales", of="pk",
    order="-created_at", queryset=lambda user, pk: Sale.objects.visible_to(user).filter(company=company_of(user, pk)),
    actions=ACTIONS, template="sales/of.html", head=_head("company", company_of),
    empty=gettext_lazy("No sales for this company yet."),
)  # fmt: skip
PERSON_SALES = ListPage(
    name="person_sales", record="sale", shows=SHOWN, path="persons/<int:pk>/sales/", title=gettext_lazy("Sales"), namespace="sales", of="pk",
    order="-created_at", queryset=lambda user, pk: Sale.objects.visible_to(user).filter(person=person_of(user, pk)),
    actions=ACTIONS, template="sales/of.html", head=_head("person", person_of),
    empty=gettext_lazy("No sales for this person yet."),
)  # fmt: skip
PAGES = (SALES, COMPANY_SALES, PERSON_SALES)
