"""What campaigns brought: leads, qualified ones, sales and what was won (C4).

Counted are the leads that came in a time, and what has become of them until now. Each number is that of a list that opens; both come
from the same criteria. Values of *campaign* that differ in nothing but their spelling are one campaign.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, Sum

from capture import utm
from capture.models import CampaignLink, PersonOrigin
from crm import criteria, records
from crm.criteria.written import every, line, whole
from crm.database import distinct
from dashboards.tiles.question import address

#: How leads belong to a campaign -> the field of persons, and the column of their origin.
TOUCHES = {
    "lead": ("lead_creation_campaign", "lead_campaign", "lead_creation_at"),
    "first": ("first_touch_campaign", "first_campaign", "first_touch_at"),
}
COLUMNS = ("campaign", "leads", "qualified", "buyers", "conversion", "sales", "won", "amount")
EVER_LEAD = line("lead_status", "not_empty")
QUALIFIED = line("lead_status_kind", "in", ["qualified"])
BOUGHT = line("sales", "some")
WON = line("status", "in", ["won"])
MOST = 200  # campaigns on the page


@dataclass
class Campaign:
    """One campaign: `values` are how it is spelled in addresses: as the naming says first, then the most frequent."""

    values: list[str] = field(default_factory=list)
    leads: int = 0
    qualified: int = 0
    buyers: int = 0
    sales: int = 0
    won: int = 0
    cents: int = 0

    @property
    def campaign(self) -> str:
        return self.values[0]

    @property
    def conversion(self) -> float:
        """The share of the leads who have a sale."""
        return self.buyers / self.leads if self.leads else 0.0

    @property
    def amount(self) -> Decimal:
        return Decimal(self.cents) / 100

    def add(self, row):
        for name in NUMBERS:
            setattr(self, name, getattr(self, name) + (row.get(name) or 0))


NUMBERS = ("leads", "qualified", "buyers", "sales", "won", "cents")


@dataclass(frozen=True)
class Report:
    """The campaigns of a time, as one user may see them. `touch` is one of TOUCHES, `days` the first and the last, or None."""

    asking: Any
    touch: str = "lead"
    days: tuple | None = None

    def lines(self, values, *further) -> list:
        """Return the lines that the leads of a campaign fulfil, of all campaigns for `values` None."""
        named = TOUCHES[self.touch][0]
        return [line(named, "not_empty") if values is None else line(named, "in", utm.joined(values)), *self._cohort(), *further]

    def _cohort(self) -> list:
        """Return the lines of those who came in the time, of whatever campaign."""
        at = TOUCHES[self.touch][2]
        return [EVER_LEAD, *([line(at, "between", [day.isoformat() for day in self.days])] if self.days else [])]

    def questions(self, values) -> dict[str, tuple]:
        """Return {name of a number: (record type, criteria of its records)}."""
        leads = self.lines(values)
        sales = _of_person(leads)
        return {
            "leads": ("person", whole(*leads)), "qualified": ("person", whole(*leads, QUALIFIED)), "buyers": ("person", whole(*leads, BOUGHT)),
            "sales": ("sale", whole(*sales)), "won": ("sale", whole(*sales, WON)),
        }  # fmt: skip

    def address(self, what, key=None) -> str:
        """Return the address of the list behind a number of the campaign of this spelling, or of all of them; raise KeyError."""
        values = None if key is None else self.spelled(key)
        record, tree = self.questions(values)[what]
        return address(records.get(record), tree)

    def spelled(self, key) -> list[str]:
        """Return the values there are of this spelling."""
        column = TOUCHES[self.touch][1]
        return [value for value in distinct(PersonOrigin, column) if value and key_of(value) == key] or [key]

    def campaigns(self) -> list[Campaign]:
        """Return every campaign that brought a lead, or for which there is a link; by four statements."""
        rows, rules = [*self._leads(), *self._sales()], utm.naming()
        found: dict[str, Campaign] = defaultdict(Campaign)
        for row in sorted(
            rows, key=lambda row: (row["value"] != utm.written(row["value"], rules), -row.get("leads", 0), row["value"])
        ):
            campaign = found[key_of(row["value"])]
            if row["value"] not in campaign.values:
                campaign.values.append(row["value"])
            campaign.add(row)
        links = (
            CampaignLink.objects.visible_to(self.asking.user).order_by("campaign").values_list("campaign", flat=True).distinct()
        )
        for value in links[: 10 * MOST]:
            campaign = found[key_of(value)]
            if not campaign.values:
                campaign.values.append(value.lower())
        return list(found.values())

    def _of(self, record, lines, column):
        """Return the records the user may see of whom these lines hold, by the campaign in this column."""
        described = records.get(record)
        seen = described.model.objects.visible_to(self.asking.user)
        found = seen.filter(criteria.condition(described, every(*lines), self.asking), **{f"{column}__gt": ""})
        return found.order_by().values(value=F(column))

    def _leads(self):
        described, column = records.get("person"), TOUCHES[self.touch][1]
        counted = {"qualified": QUALIFIED, "buyers": BOUGHT}
        further = {
            name: Count("pk", filter=criteria.condition(described, every(asked), self.asking)) for name, asked in counted.items()
        }
        return self._of("person", self._cohort(), f"origin__{column}").annotate(leads=Count("pk"), **further)

    def _sales(self):
        won, column = Q(status="won"), TOUCHES[self.touch][1]
        found = self._of("sale", _of_person(self._cohort()), f"person__origin__{column}")
        return found.annotate(sales=Count("pk"), won=Count("pk", filter=won), cents=Sum("base_cents", filter=won))


def key_of(value) -> str:
    return utm.spelling(value) or value


def _of_person(lines):
    return [{**one, "field": f"person.{one['field']}"} for one in lines]
