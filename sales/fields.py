"""The catalogue of sales."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from activities.fields import PersonLink, follow_ups_of, next_subjects
from crm.fields import Cell, Choice, Day, Fixed, Link, Moment, Money, Part, Text, UserChoice
from crm.records import RecordType, register, relate
from crm.relations import Many, One
from crm.web import formats
from sales.models import Sale

#: Colours of the four states, of the palette of list items.
COLOURS = {"open": "blue", "stalled": "orange", "won": "green", "lost": "grey"}


class StatusField(Fixed):
    """What has become of a sale, as a pill."""

    def parts(self, asking):
        return [Part(part.key, self._pill(part.key, part.cell.text), part.q) for part in super().parts(asking) if part.key]

    def cell(self, row, asking):
        return self._pill(row.get(self.column), self.text(row, asking))

    @staticmethod
    def _pill(value, text):
        return Cell(text, "pill", data={"colour": COLOURS.get(value, "grey")})


class StageField(Choice):
    """The stage, with its probability below it."""

    def item_cell(self, item):
        cell = super().item_cell(item)
        return cell._replace(sub=formats.percent(item.probability), data={**cell.data, "below": True})


class ExpectedField(Day):
    """The day a sale is expected on; overdue is an open one only."""

    @property
    def columns(self):
        return (self.column, "status")

    def condition(self, operator, value, asking):
        q = super().condition(operator, value, asking)
        return q & Q(status__in=[Sale.Status.OPEN, Sale.Status.STALLED]) if operator == "overdue" else q

    def cell(self, row, asking):
        cell = super().cell(row, asking)
        return cell._replace(kind="date") if row.get("status") in Sale.CLOSED else cell


register(
    RecordType("sale", "sales.Sale", _("Sale"), _("Sales"), "name", "sales:sale", "currency-euro", "sales:sales"),
    [
        Text(name="name", label=_("Name"), sort="name_key", key="name_key", edit="name", default=True, required=True, as_kind="name", width=150),
        Link(name="company", label=_("Company"), path="company__name", id_path="company_id", key="company__name_key", sort="company__name_key",
             url_name="leads:company", sub_path="company__city", owner_path="company__owner_id", default=True, edit="company", required=True, width=158),
        PersonLink(name="person", label=_("Person"), path="person__name_key", sort="person__name_key", id_path="person_id", key="person__name_key",
             url_name="leads:person", edit="person"),
        StatusField(name="status", label=_("Status"), choices=lambda: Sale.Status.choices, sort="status", group=True, edit="status",
                    default=True, required=True, width=146),
        StageField(name="stage", label=_("Stage"), path="stage_id", sort="stage__rank", items="sales.SaleStage", pill=True, group=True,
                   edit="stage", default=True, width=168),
        Money(name="amount", label=_("Amount"), path="amount", currency_path="currency", sort="base_cents", sum="base_cents", edit="amount",
              default=True, required=True, width=120),
        Money(name="weighted_amount", label=_("Weighted"), path="weighted_cents", sort="weighted_cents", sum="weighted_cents",
              required=True, width=114),
        Money(name="base_amount", label=_("Amount in base currency"), path="base_cents", sort="base_cents", sum="base_cents", required=True),
        Text(name="currency", label=_("Currency"), sort="currency", edit="currency", required=True),
        ExpectedField(name="expected_on", label=_("Expected on"), sort="expected_on", edit="expected_on", due=True, default=True, width=126),
        Moment(name="next_activity_at", label=_("Next activity"), sort="next_activity_at", due=True, never=True, default=True, load=next_subjects("sale"), width=150),
        Day(name="closed_on", label=_("Closed on"), sort="closed_on", edit="closed_on"),
        Choice(name="type", label=_("Type"), path="type_id", sort="type__rank", items="sales.SaleType", group=True, edit="type"),
        Choice(name="reason", label=_("Reason"), path="reason_id", sort="reason__rank", items="sales.SaleReason", group=True, edit="reason"),
        Day(name="reopen_on", label=_("Re-open on"), sort="reopen_on", edit="reopen_on"),
        Choice(name="source", label=_("Source"), path="source_id", sort="source__rank", items="leads.Source", group=True, edit="source"),
        UserChoice(name="owner", label=_("Owner"), path="owner_id", sort="owner__name_key", group=True, edit="owner", default=True, width=90),
        Moment(name="created_at", label=_("Created"), sort="created_at", required=True),
        Moment(name="updated_at", label=_("Changed"), sort="updated_at", required=True),
    ],
)  # fmt: skip

relate("sale", follow_ups_of("sale"))
relate("activity", One(name="sale", label=_("Sale"), record="sale", path="sale_id"))
for name, label in (("company", _("Company")), ("person", _("Person"))):
    relate("sale", One(name=name, label=label, record=name, path=f"{name}_id"))
    relate(
        name,
        Many(name="sales", label=_("Sales"), record="sale", link=name, some=_("with sales"), none=_("without sales"),
             number=_("Number of sales")),
    )  # fmt: skip
