"""Dates in stretches of a day, week, month, quarter or year, as the user's own calendar has them.

The bounds are days of the user's zone, turned into moments here: the database only compares. So a week with a change of the clocks is
a week, both databases agree, and the list behind a column asks for the same bounds.
"""

import datetime
from dataclasses import dataclass

from django.db.models import Case, IntegerField, Value, When
from django.utils.translation import gettext_lazy as _

from crm import periods
from crm.web import formats

UNITS = {"day": _("Day"), "week": _("Week"), "month": _("Month"), "quarter": _("Quarter"), "year": _("Year")}
MOST = 400


@dataclass(frozen=True)
class Bucket:
    """One stretch: its key is the first day of the whole unit, `first` and `last` what of it lies within the period."""

    key: str
    label: str
    first: datetime.date
    last: datetime.date


def begin(unit, day):
    """Return the first day of the unit a day lies in."""
    return periods.period(f"this_{unit}", day)[0]


def after(unit, day):
    """Return the first day of the next unit."""
    return periods.period(f"next_{unit}", day)[0]


def one(unit, key, first=None, last=None) -> Bucket:
    """Return the bucket that begins on this day, cut to the period."""
    start = datetime.date.fromisoformat(key)
    ends = after(unit, start) - datetime.timedelta(days=1)
    return Bucket(key, label(unit, start), max(start, first or start), min(ends, last or ends))


def between(unit, first, last) -> list[Bucket] | None:
    """Return all stretches from one day to another, in order; None if they are too many to be shown."""
    found, start = [], begin(unit, first)
    while start <= last:
        found.append(one(unit, start.isoformat(), first, last))
        if len(found) > MOST:
            return None
        start = after(unit, start)
    return found


def label(unit, start):
    """Return a stretch in words, short."""
    if unit == "year":
        return str(start.year)
    if unit == "quarter":
        return f"Q{(start.month + 2) // 3} {start.year}"
    if unit == "month":
        return formats.month(start)
    return formats.date(start) if unit == "day" else str(_("W%(week)s %(year)s") % dict(
        zip(("year", "week"), start.isocalendar()[:2], strict=True)))  # fmt: skip


def place(column, buckets, moment) -> Case | Value:
    """Return an expression: the number of the bucket a date lies in. `moment(day)` is what a value of that day is at least.

    A tree of comparisons: nine are enough for a year of days.
    """

    def halve(low, high):
        if high - low == 1:
            return Value(low)
        middle = (low + high) // 2
        earlier = When(**{f"{column}__lt": moment(buckets[middle].first)}, then=halve(low, middle))
        return Case(earlier, default=halve(middle, high), output_field=IntegerField())

    return halve(0, len(buckets))
