"""The lists of leads, persons and companies, and what can be done with their rows."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.history.changes import chunks
from crm.models import NEVER, User
from crm.tables.bulk import Action, Choice
from crm.tables.pages import ListPage, Toggle
from crm.tables.table import Table
from crm.web import formats
from leads import actions
from leads.models import Category, Company, LeadStatus, Person
from leads.views.status import StatusQuestion

# --- What can be done with ticked rows ----------------------------------------------------------------------------------


def items(model):
    """Return the function that gives the selectable items of a list as choices."""

    def choices(user):
        return [Choice(str(item.pk), item.name, item.colour, item.description) for item in model.objects.selectable()]

    return choices


def owners(user):
    """Return who can be given records, me first."""
    active = sorted(User.objects.filter(is_active=True), key=lambda one: (one != user, one.name_key))
    return [*(Choice(str(one.pk), one.name) for one in active), Choice("", _("Nobody"))]


def one_of(model):
    def value(key):
        found = model.objects.filter(pk=key).first() if key.isdecimal() and len(key) < 19 else None
        if found is None:
            raise ValidationError(_("Choose one of these."))
        return found

    return value


def owner_of(key):
    return one_of(User)(key) if key else None


def counted(singular, plural):
    """Return said(count, value) from a sentence in both numbers; both name %(count)s, and %(value)s where there is one."""

    def said(count, value):
        return ngettext(singular, plural, count) % {
            "count": formats.number(count),
            "value": getattr(value, "name", None) or _("nobody"),
        }

    return said


def delete(records, value, *, keep_persons="", as_of=None, **how):
    if records.model is Company:
        return actions.delete(records, keep_persons=keep_persons == "1", **how)
    return actions.delete(records, **how)


def may_delete(user):
    return user.role.may_delete


def number_and_former(persons) -> tuple[int, int]:
    """Return how many these are, and how many of them former employees, whom a company's list hides; seen or not: all would go along."""
    there = persons.filter(deleted_at=None)
    counts = there.aggregate(all=Count("pk"), former=Count("pk", filter=Q(former_employee=True)))
    return counts["all"], counts["former"]


def told_former(number):
    return ngettext("%(count)s former employee", "%(count)s former employees", number) % {"count": formats.number(number)}


def along_with_companies(user, ids):
    """Return what deleting these companies would take along (settled 6)."""
    counts = [(0, 0), *(number_and_former(Person.objects.filter(company__in=some)) for some in chunks(ids))]
    persons, former = map(sum, zip(*counts, strict=True))
    told = ngettext("%(count)s person", "%(count)s persons", persons) % {"count": formats.number(persons)}
    if former:
        told += f" ({told_former(former)})"
    return {
        "persons": persons,
        "along": [*([told] if persons else []), *actions.along("company", ids)],
        "without_persons": actions.along("company", ids, keep_persons=True),
        "days": settings.BIN_DAYS,
    }


def along_with_persons(user, ids):
    return {"persons": 0, "along": actions.along("person", ids), "days": settings.BIN_DAYS}


def ask_status(form):
    """Ask why a lead is disqualified, or when it is taken up again, before it is done."""
    form.question = StatusQuestion(form.value, form.data)
    form.question.answer()


def set_status(persons, status, *, reason="", again_on="", asked="", **how):
    answer = StatusQuestion(status, {"reason": reason, "again_on": again_on, "asked": asked}).answer()
    return actions.set_lead_status(persons, status, **answer, **how)


SET_STATUS = Action(
    name="status", label=gettext_lazy("Set lead status"), icon="flag", choices=items(LeadStatus), value=one_of(LeadStatus),
    run=set_status, check=ask_status, options=("reason", "again_on", "asked"), template="leads/act_status.html",
    said=counted("%(count)s person is now %(value)s", "%(count)s persons are now %(value)s"), sets=True,
)  # fmt: skip
OWN_PERSONS = Action(
    name="owner", label=gettext_lazy("Change owner"), icon="user", choices=owners, value=owner_of, run=actions.set_owner,
    said=counted("%(count)s person now belongs to %(value)s", "%(count)s persons now belong to %(value)s"), sets=True,
)  # fmt: skip
OWN_COMPANIES = Action(
    name="owner", label=gettext_lazy("Change owner"), icon="user", choices=owners, value=owner_of, run=actions.set_owner,
    said=counted("%(count)s company now belongs to %(value)s", "%(count)s companies now belong to %(value)s"), sets=True,
)  # fmt: skip
SET_CATEGORY = Action(
    name="category", label=gettext_lazy("Change category"), icon="category", choices=items(Category), value=one_of(Category),
    run=actions.set_category, said=counted("%(count)s company is now %(value)s", "%(count)s companies are now %(value)s"), sets=True,
)  # fmt: skip
DELETE_PERSONS = Action(
    name="delete", label=gettext_lazy("Delete"), icon="trash", run=delete, allowed=may_delete, danger=True,
    said=counted("%(count)s person is in the bin", "%(count)s persons are in the bin"), context=along_with_persons,
    template="leads/delete_rows.html",
)  # fmt: skip
DELETE_COMPANIES = Action(
    name="delete", label=gettext_lazy("Delete"), icon="trash", run=delete, allowed=may_delete, danger=True,
    said=counted("%(count)s company is in the bin", "%(count)s companies are in the bin"), context=along_with_companies,
    template="leads/delete_rows.html", options=("keep_persons",),
)  # fmt: skip
PERSON_ACTIONS = (SET_STATUS, OWN_PERSONS, DELETE_PERSONS)

# --- The lists ----------------------------------------------------------------------------------------------------------


def facts_of_leads(table: Table) -> str:
    """Return how many leads are active and disqualified, overdue and without a next activity.

    *Active* are those who are not disqualified; of them alone a next activity is missed.
    """
    disqualified = Q(lead_status__kind=LeadStatus.Kind.DISQUALIFIED)
    active = ~disqualified
    counts = table.count_with(
        ("next_activity_at", "lead_status__kind"),
        active=Count("pk", filter=active),
        disqualified=Count("pk", filter=disqualified),
        overdue=Count("pk", filter=Q(next_activity_at__lt=timezone.now())),
        without=Count("pk", filter=active & Q(next_activity_at=NEVER)),
    )
    return _("%(active)s active · %(disqualified)s disqualified · %(overdue)s overdue · %(without)s without next activity") % {
        name: table.in_words(counts[name]) for name in ("active", "disqualified", "overdue", "without")
    }


def facts_of_persons(table: Table) -> str:
    return ngettext("%(count)s person", "%(count)s persons", table.count) % {"count": table.count_text}


def facts_of_companies(table: Table) -> str:
    return ngettext("%(count)s company", "%(count)s companies", table.count) % {"count": table.count_text}


def company_of(user, pk):
    return get_object_or_404(Company.objects.visible_to(user), pk=pk)


def persons_of(user, pk):
    """Return a company's persons. Who may see the company but not a person there does not see the person."""
    return Person.objects.visible_to(user).filter(company=company_of(user, pk))


def number_of_former(user, pk):
    return Person.objects.visible_to(user).filter(company=pk, former_employee=True).count()


def without_former(persons, toggles):
    return persons if "former" in toggles else persons.filter(former_employee=False)


LEADS = ListPage(
    name="leads", record="person", path="leads/", title=gettext_lazy("Leads"), preset="owner=me", preset_title=gettext_lazy("My leads"),
    queryset=lambda user: Person.objects.visible_to(user).leads(), actions=PERSON_ACTIONS, facts=facts_of_leads,
    scope=({"field": "lead_status_applies", "operator": "is", "value": True},),
    empty=gettext_lazy("Leads are persons at potential customers. Import a list, or create the first one."),
)  # fmt: skip
PERSONS = ListPage(
    name="persons", record="person", path="persons/", title=gettext_lazy("Persons"), actions=PERSON_ACTIONS,
    queryset=lambda user: Person.objects.visible_to(user), facts=facts_of_persons,
    empty=gettext_lazy("Import a list, or create the first person."),
)  # fmt: skip
COMPANIES = ListPage(
    name="companies", record="company", path="companies/", title=gettext_lazy("Companies"),
    actions=(SET_CATEGORY, OWN_COMPANIES, DELETE_COMPANIES), queryset=lambda user: Company.objects.visible_to(user),
    facts=facts_of_companies,
    empty=gettext_lazy("Import a list, or create the first company."),
)  # fmt: skip
COMPANY_PERSONS = ListPage(
    name="company_persons", record="person", path="companies/<int:pk>/persons/", title=gettext_lazy("Persons"), of="pk",
    actions=PERSON_ACTIONS, queryset=persons_of, shown=without_former, template="leads/company_persons.html",
    toggles=(Toggle("former", gettext_lazy("Former employees"), number_of_former),), shows=("name", "lead_status", "next_activity_at", "phone"),
    head=lambda request, pk: {"company": company_of(request.user, pk), "new_url": f"{reverse('leads:person_new')}?company={pk}"},
    empty=gettext_lazy("No persons at this company yet."),
)  # fmt: skip
PAGES = (LEADS, PERSONS, COMPANIES, COMPANY_PERSONS)
