"""The stretch of days a tile is about, told from today on or fixed; and the earlier one it is compared with."""

import datetime

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm import periods
from crm.web import formats
from dashboards.tiles.buckets import UNITS

#: What is offered to choose from. Others that crm.periods knows, `last_6_weeks` (the running one among them) and
#: `2026-01-01/2026-03-31` are understood as well.
OFFERED = ["this_day", "this_week", "this_month", "this_quarter", "this_year", "previous_day", "previous_week", "previous_month", "previous_quarter",
           "previous_year", "last_7_days", "last_30_days", "last_12_weeks", "last_6_months", "last_12_months", "last_3_years", "next_month",
           "next_6_months"]  # fmt: skip
COMPARED = {"": gettext_lazy("Nothing"), "before": gettext_lazy("The time before"), "year": gettext_lazy("A year earlier")}
MOST_DAYS = 366 * 60


def days_of(text, today) -> tuple[datetime.date, datetime.date]:
    """Return the first and the last day; raise ValidationError for what is no period."""
    first, slash, last = text.partition("/")
    if slash:
        try:
            begins, ends = parse_date(first), parse_date(last)
        except ValueError:
            begins = ends = None
        if begins is None or ends is None or begins > ends or begins.year < 1900 or ends.year > 2999:
            raise ValidationError(_("Enter the first and the last day, for example 2026-01-01/2026-03-31."))
        days = begins, ends
    elif text.startswith("last_"):
        number, _underscore, unit = text.removeprefix("last_").partition("_")
        if not number.isdecimal() or not 0 < int(number[:4]) < 1_000 or unit.removesuffix("s") not in UNITS:
            raise ValidationError(_("This is no period."))
        this = periods.period(f"this_{unit.removesuffix('s')}", today)
        days = (this[0] if number == "1" else periods.period(f"previous_{int(number) - 1}_{unit}", today)[0]), this[1]
    else:
        days = periods.period(text, today)
    if (days[1] - days[0]).days > MOST_DAYS:
        raise ValidationError(_("This period is too long."))
    return days


def words(text) -> str:
    """Return a period as a person reads it: *this month*, *the last 12 weeks*, *1 Jan 2026 – 31 Mar 2026*."""
    first, slash, last = text.partition("/")
    if slash:
        return f"{formats.date(parse_date(first))} – {formats.date(parse_date(last))}"
    if text.startswith("last_"):
        number, _underscore, unit = text.removeprefix("last_").partition("_")
        count = int(number)
        told = {
            "day": ngettext("the last %(count)s day", "the last %(count)s days", count),
            "week": ngettext("the last %(count)s week", "the last %(count)s weeks", count),
            "month": ngettext("the last %(count)s month", "the last %(count)s months", count),
            "quarter": ngettext("the last %(count)s quarter", "the last %(count)s quarters", count),
            "year": ngettext("the last %(count)s year", "the last %(count)s years", count),
        }
        return told[unit.removesuffix("s")] % {"count": count}
    return periods.period_in_words(text)


def earlier(text, days, how, today, whole):
    """Return the days one compares with: a year earlier, or the time before.

    Of a period that still runs it is the same part of the earlier one, so that a month's beginning is not held against a whole
    month; unless `whole` says that its days to come count, too.
    """
    first, last = days
    if not whole and first <= today < last:
        last = today
    if how == "year":
        return _moved(first, 12), _moved(last, 12)
    months = {"month": 1, "quarter": 3, "year": 12}.get(text.rpartition("_")[2].removesuffix("s"))
    if text.startswith(("this_", "previous_", "next_", "last_")) and months:
        number = text.split("_")[1]
        return _moved(first, months * (int(number) if number.isdecimal() else 1)), _before(last, first, days, months, number)
    length = (days[1] - days[0]).days + 1
    return first - datetime.timedelta(days=length), last - datetime.timedelta(days=length)


def _before(last, first, days, months, number):
    """Return the last day of the earlier period: that of its month where the whole period is meant."""
    if last == days[1]:
        return first - datetime.timedelta(days=1)
    return min(_moved(last, months * (int(number) if number.isdecimal() else 1)), first - datetime.timedelta(days=1))


def _moved(day, months):
    """Return the day so many months earlier; the last day of a month stays the last."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    ends = (datetime.date(year + month // 11, (month + 1) % 12 + 1, 1) - datetime.timedelta(days=1)).day
    tomorrow = day + datetime.timedelta(days=1)
    return datetime.date(year, month + 1, ends if tomorrow.day == 1 else min(day.day, ends))
