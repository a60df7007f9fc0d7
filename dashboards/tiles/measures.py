"""What is measured of the records: how many, of how many companies, a sum, an average, or the share for which something holds."""

import dataclasses
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import records
from crm.fields import Field, Money
from crm.web import formats

MEASURES = {
    "count": gettext_lazy("Count"),
    "companies": gettext_lazy("Number of companies"),
    "sum": gettext_lazy("Sum"),
    "average": gettext_lazy("Average"),
    "conversion": gettext_lazy("Share of those for whom …"),
}
CENT, TENTH = Decimal("0.01"), Decimal("0.1")


@dataclasses.dataclass(frozen=True)
class Amount:
    """One number of a tile: what it is worth, in words, how many records stand behind it, and the parts it was made of."""

    value: Decimal | int | None
    text: str
    records: int
    of: int = 0


@dataclasses.dataclass(frozen=True)
class Measure:
    """What is measured; `goal` are the criteria of a share, `goal_q` the same as a condition."""

    name: str = "count"
    field: Field | None = None
    goal: dict | None = None
    goal_q: Q = dataclasses.field(default_factory=Q)
    decimals: int | None = None

    @property
    def unit(self) -> str:
        """How its numbers are written: as a *number*, an amount of *money*, or in *percent*."""
        if self.name == "conversion":
            return "percent"
        return "money" if self.name in {"sum", "average"} and isinstance(self.field, Money) else "number"

    @property
    def adds_up(self) -> bool:
        """Whether the numbers of parts make that of the whole."""
        return self.name != "companies"

    def label(self, record) -> str:
        """Return what is measured, in words: *Persons*, *Amount in base currency (sum)*."""
        if self.name == "count":
            return str(record.plural)
        if self.name in {"sum", "average"}:
            return f"{self.field.label} ({formats.in_sentence(MEASURES[self.name])})"
        return _("Companies") if self.name == "companies" else _("Share")

    def narrowed(self, queryset, asking):
        """Return the records that can be measured: of companies, those whose company the user may see."""
        if self.name != "companies" or queryset.model.history.record_type == "company":
            return queryset
        company = records.get("company").model
        return queryset.filter(Exists(company.objects.visible_to(asking.user).filter(pk=OuterRef("company"))))

    def aggregates(self, queryset, prefix="m") -> dict[str, Any]:
        """Return what is to be counted, by name; `amount` reads it."""
        if self.name == "companies":
            of_companies = queryset.model.history.record_type == "company"
            return {f"{prefix}_n": Count("pk" if of_companies else "company", distinct=not of_companies)}
        if self.name in {"sum", "average"}:
            return {f"{prefix}_s": Sum(self.field.sum), f"{prefix}_n": Count(self.field.sum)}
        if self.name == "conversion":
            return {f"{prefix}_n": Count("pk"), f"{prefix}_m": Count("pk", filter=self.goal_q)}
        return {f"{prefix}_n": Count("pk")}

    def amount(self, row, prefix="m") -> Amount:
        """Return the number that the counted values (or the sums of several such rows) make."""
        count = int(row.get(f"{prefix}_n") or 0)
        if self.name == "conversion":
            reached = int(row.get(f"{prefix}_m") or 0)
            share = Decimal(100 * reached) / count if count else None
            return Amount(rounded(share, TENTH), self.text(share), reached, count)
        if self.name not in {"sum", "average"}:
            return Amount(count, self.text(count), count, count)
        total = Decimal(row.get(f"{prefix}_s") or 0)
        if (isinstance(self.field, Money) and not self.field.currency_path) or self.field.sum.endswith("_cents"):
            total = total.scaleb(-2)
        value = (total / count if count else None) if self.name == "average" else total
        return Amount(rounded(value, CENT), self.text(value), count, count)

    def text(self, value) -> str:
        """Return a number of this measure in words."""
        if value is None:
            return "–"
        value = Decimal(value)
        if self.unit == "percent":
            places = 1 if self.decimals is None else self.decimals
            # As many decimals as the others of its tile or column have.
            return formats.percent(rounded(value, Decimal(1).scaleb(-places)))
        places = self.decimals
        if places is None:
            # Cents matter in small amounts only.
            places = 0 if self.unit == "number" or abs(value) >= 1_000 or value == value.to_integral_value() else 2
        value = rounded(value, Decimal(1).scaleb(-places))
        return formats.money(value, settings.BASE_CURRENCY) if self.unit == "money" else formats.number(value)


def rounded(value, to):
    """Return the value rounded as people do; None stays None."""
    return None if value is None else Decimal(value).quantize(to, ROUND_HALF_UP)


def shortest(value):
    """Return a number without the zeros at its end."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def measurable(record) -> list[Field]:
    """Return the fields that can be added up."""
    return [one for one in record.fields.values() if one.sum and one.sum == one.column]


def adds(rows) -> dict:
    """Return the sums of rows of counted values."""
    total: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            total[name] = (total.get(name) or 0) + (value or 0)
    return total
