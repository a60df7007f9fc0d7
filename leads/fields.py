"""The catalogue of companies and persons: each field described once (architecture, idea 1)."""

from dataclasses import replace

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_countries import countries

from crm.fields import Cell, Choice, Fixed, Link, Moment, Part, Text, UserChoice, YesNo
from crm.records import RecordType, register, relate
from crm.relations import Many, One
from crm.web import formats
from leads.models import LeadStatus


class PersonName(Text):
    """A person's name, found and sorted by its key; the title is its second line."""

    @property
    def columns(self):
        return ("first_name", "last_name", "title")

    def text(self, row, asking):
        return f"{row['first_name']} {row['last_name']}".strip()

    def cell(self, row, asking):
        return Cell(self.text(row, asking), "name", sub=row["title"])


def in_group(codes, asking):
    """Groups become category ids in Python: the query stays within one table."""
    return Q(category__in=[c.pk for c in asking.items("leads.Category").values() if c.group_id in codes])


def group_of(row, asking):
    category = asking.items("leads.Category").get(row.get("category_id"))
    return asking.items("leads.CategoryGroup").get(category.group_id) if category else None


def of_kind(kinds, asking):
    return Q(lead_status__in=[s.pk for s in asking.items("leads.LeadStatus").values() if s.kind in kinds])


class KindOfStatus(Fixed):
    """The kind of the stored lead status; in the API's filters `lead_status__kind`."""

    @property
    def param(self):
        return "lead_status__kind"

    @property
    def columns(self):
        return ("lead_status_id", "is_lead")

    @property
    def lists(self):
        return ("leads.LeadStatus",)

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            return Q(lead_status__isnull=operator == "empty")
        q = of_kind(value, asking)
        return ~q | Q(lead_status=None) if operator == "not_in" else q

    def text(self, row, asking):
        status = asking.items("leads.LeadStatus").get(row.get("lead_status_id"))
        return status.get_kind_display() if status and row.get("is_lead", True) else ""


class StatusChoice(Choice):
    """The lead status: where it does not apply the cell is empty, with the stored value in its tooltip (settled 1)."""

    @property
    def columns(self):
        return (self.column, "is_lead", "lead_status_since")

    def parts(self, asking):
        # What is not shown does not count: where the status does not apply, the person stands with those who have none.
        shown = [Part(str(s.pk), self.item_cell(s), Q(lead_status=s.pk, is_lead=True)) for s in self.options(asking)]
        return [*shown, Part("", Cell(str(_("No lead status"))), Q(is_lead=False) | Q(lead_status=None))]

    def asked(self, keys, asking):
        applies = {"field": "lead_status_applies", "operator": "is", "value": True}
        shown = {"all": [{"field": self.name, "operator": "in", "value": [key for key in keys if key]}, applies]}
        others = {"any": [{"field": self.name, "operator": "empty"}, applies | {"value": False}]}
        if all(keys):
            return shown
        return {"any": [shown, others]} if any(keys) else others

    @property
    def part_columns(self):
        return (self.column, "is_lead")

    def part_key(self, row, asking):
        return super().part_key(row, asking) if row["is_lead"] else ""

    def text(self, row, asking):
        return super().text(row, asking) if row.get("is_lead") else ""

    def cell(self, row, asking):
        status = self.item(row, asking)
        if status and not row.get("is_lead"):
            return Cell("", title=str(_("Does not apply now; stored: %(status)s")) % {"status": status.label})
        return super().cell(row, asking)._replace(sub=formats.day_count(row.get("lead_status_since"))) if status else Cell()


class StatusSince(Moment):
    """Since when a lead is in its status: told where the status is, and empty where it does not apply (settled 1)."""

    @property
    def columns(self):
        return (self.column, "is_lead")

    def value(self, row):
        return super().value(row) if row.get("is_lead", True) else None


CATEGORY = Choice(
    name="category",
    label=_("Category"),
    path="category_id",
    sort="category__rank",
    items="leads.Category",
    group=True,
    default=True,
    width=172,
)
GROUP = Choice(
    name="category_group", label=_("Category group"), path="category_id", sort="category__group__rank", items="leads.CategoryGroup",
    through=in_group, pick=group_of, needs=("leads.Category",), group=True, width=146,
)  # fmt: skip
OWNER = UserChoice(
    name="owner", label=_("Owner"), path="owner_id", sort="owner__name_key", group=True, edit="owner", default=True, width=90
)
DATES = [
    Moment(name="created_at", label=_("Created"), sort="created_at", required=True),
    Moment(name="updated_at", label=_("Changed"), sort="updated_at", required=True),
]

register(
    RecordType("company", "leads.Company", _("Company"), _("Companies"), "name", "leads:company", "building", "leads:companies"),
    [
        Text(name="name", label=_("Name"), sort="name_key", key="name_key", edit="name", default=True, required=True, as_kind="name", width=258),
        Text(name="number", label=_("Number"), sort="number", edit="number"),
        replace(CATEGORY, edit="category"),
        GROUP,
        Fixed(name="country", label=_("Country"), sort="country", choices=lambda: countries, group=True, edit="country", default=True,
              width=126),
        Text(name="city", label=_("City"), sort="city_key", key="city_key", edit="city", default=True, width=140),
        Text(name="street", label=_("Street"), edit="street"),
        Text(name="postal_code", label=_("Postal code"), sort="postal_code", edit="postal_code"),
        Text(name="email", label=_("E-mail"), sort="email", edit="email", as_kind="email"),
        Text(name="phone", label=_("Phone"), edit="phone", as_kind="phone"),
        Text(name="website", label=_("Website"), edit="website", as_kind="website"),
        Choice(name="industry", label=_("Industry"), path="industry_id", sort="industry__rank", items="leads.Industry", group=True,
               edit="industry", default=True, width=136),
        OWNER,
        YesNo(name="stop", label=_("Stop"), group=True, edit="stop"),
        YesNo(name="no_mailings", label=_("No mailings"), group=True, edit="no_mailings"),
        *DATES,
    ],
)  # fmt: skip

register(
    RecordType("person", "leads.Person", _("Person"), _("Persons"), "name", "leads:person", "users", "leads:persons"),
    [
        PersonName(name="name", label=_("Name"), path="name_key", sort="name_key", key="name_key", default=True, required=True, width=158),
        Text(name="first_name", label=_("First name"), edit="first_name"),
        Text(name="last_name", label=_("Last name"), sort="name_key", edit="last_name", required=True),
        Text(name="title", label=_("Job title"), sort="title", edit="title"),
        Link(name="company", label=_("Company"), path="company__name", id_path="company_id", key="company_key", sort="company_key",
             url_name="leads:company", sub_path="company__city", owner_path="company__owner_id", default=True, edit="company"),
        CATEGORY,
        StatusChoice(name="lead_status", label=_("Lead status"), path="lead_status_id", sort="lead_status__rank",
                     items="leads.LeadStatus", pill=True, group=True, edit="lead_status", default=True, width=208),
        KindOfStatus(name="lead_status_kind", label=_("Kind of lead status"), path="lead_status__kind",
                     choices=lambda: LeadStatus.Kind.choices),
        Choice(name="disqualify_reason", label=_("Reason to disqualify"), path="disqualify_reason_id", sort="disqualify_reason__rank",
               items="leads.DisqualifyReason", group=True, edit="disqualify_reason"),
        YesNo(name="lead_status_applies", label=_("Has a lead status"), path="is_lead", group=True),
        StatusSince(name="lead_status_since", label=_("In status since"), sort="lead_status_since"),
        GROUP,
        Text(name="email", label=_("E-mail"), sort="email_key", key="email_key", edit="email", as_kind="email"),
        Text(name="phone", label=_("Phone"), edit="phone", as_kind="phone"),
        Text(name="mobile", label=_("Mobile"), edit="mobile", as_kind="phone"),
        Choice(name="source", label=_("Source"), path="source_id", sort="source__rank", items="leads.Source", group=True,
               edit="source", default=True, width=136),
        Fixed(name="country", label=_("Country"), sort="country", choices=lambda: countries, group=True),
        OWNER,
        YesNo(name="former_employee", label=_("Former employee"), group=True, edit="former_employee"),
        *DATES,
    ],
)  # fmt: skip

relate("person", One(name="company", label=_("Company"), record="company", path="company_id"))
relate(
    "company",
    Many(name="persons", label=_("Persons"), record="person", link="company", some=_("with persons"), none=_("without persons"),
         number=_("Number of persons")),
)  # fmt: skip
