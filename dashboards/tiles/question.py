"""What a tile asks, whole or of one part of it: as criteria, as records, and as the address of the list that opens.

All three come from one tree of criteria. So the number of a part and the list behind it cannot differ (D4), and neither shows what the
user may not see (D6).
"""

from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _

from crm import criteria, records
from crm.fields import Moment
from dashboards.filters import Filters
from dashboards.tiles import buckets, periods
from dashboards.tiles.spec import Tile
from selections.members import condition as membership

NONE, EARLIER, LINE = "-", "earlier", "line"


@dataclass(frozen=True)
class Part:
    """A part of a tile: `x` are the keys of its place, `s` those of its series, `of` which numbers: the earlier ones, the line's.

    An empty key stands for all of them, NONE for the records without a value; what keys of several stand for, `stands_for` says.
    """

    x: str = ""
    s: str = ""
    of: str = ""


def all_but(keys) -> str:
    """Return the keys of all parts but these. Named are those that are shown: what is hidden may be far more than an address holds."""
    return "," + ",".join(keys)


def stands_for(keys) -> tuple[list[str], bool]:
    """Return (the keys that are named, whether all others are meant); no key of a part holds a comma."""
    return keys.removeprefix(",").split(","), keys.startswith(",")


@dataclass
class Question:
    """A tile under the filters of its dashboard."""

    tile: Tile
    filters: Filters = field(default_factory=Filters)

    @cached_property
    def period(self) -> str:
        return (self.filters.period or self.tile.period) if self.tile.date else ""

    @cached_property
    def days(self):
        """The first and the last day, or None for all times."""
        return periods.days_of(self.period, self.tile.asking.today) if self.period else None

    @cached_property
    def earlier(self):
        """The days one compares with, or None."""
        if not self.days or not self.tile.compare:
            return None
        # What is still to come counts where the date is one to come.
        ahead = bool(getattr(self.tile.date, "due", False))
        return periods.earlier(self.period, self.days, self.tile.compare, self.tile.asking.today, ahead)

    # --- Criteria -----------------------------------------------------------------------------------------------------

    @cached_property
    def _filtered(self) -> list[dict]:
        """What the quick filters ask, read once for all numbers: a team's members are a statement."""
        return self.filters.lines(self.tile.record)

    def tree(self, days, *further) -> dict:
        """Return what is asked of these days, with further criteria."""
        tile = self.tile
        asked = [tile.tree] if tile.tree else []
        asked += self._filtered
        if days:
            asked.append(within(tile.date, *days))
        return {"version": criteria.VERSION, "all": [*asked, *(one for one in further if one)]}

    def tree_of(self, part: Part) -> dict:
        """Return the criteria of one part; raise ValidationError for one there cannot be."""
        if self.tile.kind == "funnel":
            from dashboards.tiles import funnel

            if part.x and part.x not in funnel.STEPS:
                raise ValidationError(_("This part of the tile does not exist."))
            return funnel.tree_of(self, part.x or "lead")
        if part.of not in {"", EARLIER, LINE} or (part.of == EARLIER and not self.earlier):
            raise ValidationError(_("This part of the tile does not exist."))
        days = self.earlier if part.of == EARLIER else self.days
        measure = self.tile.line if part.of == LINE and self.tile.line else self.tile.measure
        further = [self._asked(self.tile.group, part.x, days), self._asked(self.tile.series, part.s, days), measure.goal]
        return self.tree(days, *further)

    def _asked(self, grouped, keys, days):
        """Return the criteria of these parts of a field."""
        if not keys or grouped is None:
            return None
        if not isinstance(grouped, Moment):
            named, others = stands_for(keys)
            asked = grouped.asked(["" if key == NONE else key for key in named], self.tile.asking)
            return {"not": asked} if others else asked
        if keys == NONE:
            return {"field": grouped.name, "operator": "empty"}
        try:
            bucket = buckets.one(self.tile.bucket, keys, *(days if days and grouped is self.tile.date else ()))
        except ValueError:
            raise ValidationError(_("This part of the tile does not exist.")) from None
        return within(grouped, bucket.first, bucket.last)

    def asked(self, part: Part):
        """Return (record type, tree, selection or None) of the list that opens behind a part."""
        tile, tree = self.tile, self.tree_of(part)
        measure = tile.line if part.of == LINE and tile.line else tile.measure
        if measure.name != "companies" or tile.record.name == "company":
            return tile.record, tree, tile.selection
        company = records.get("company")
        link = next(one.name for one in company.relations.values() if one.record == tile.record.name and one.link == "company")
        inner = {"field": link, "operator": "some", "where": {key: value for key, value in tree.items() if key != "version"}}
        return company, {"version": criteria.VERSION, "all": [inner]}, None

    def address(self, part: Part) -> str:
        """Return the address of the list that opens behind a part."""
        return address(*self.asked(part))

    # --- Records ------------------------------------------------------------------------------------------------------

    def records(self, tree):
        """Return the records of a tree, as far as the user may see them."""
        return self._found(self.tile.record, tree, self.tile.selection)

    def records_of(self, part: Part):
        """Return the records of the list that opens behind a part."""
        return self._found(*self.asked(part))

    def _found(self, record, tree, selection):
        asking = self.tile.asking
        found = record.model.objects.visible_to(asking.user)
        if selection:
            found = found.filter(membership(selection, asking))
        return found.filter(criteria.condition(record, tree, asking))


def within(dated, first, last) -> dict:
    """Return the line: a date from one day to another, both included."""
    return {"field": dated.name, "operator": "between", "value": [first.isoformat(), last.isoformat()]}


def address(record, tree, selection=None) -> str:
    """Return the address of the list of these records."""
    at = reverse(f"selections:selection_{selection.record_type}", args=[selection.pk]) if selection else reverse(record.list_url)
    # `all` takes off what the list itself is filtered by until one asks for something else.
    return f"{at}?{urlencode({'criteria': criteria.packed(tree), 'all': 1})}"
