"""Days and periods told from today on: `today`, `-30d`, `+2w`; `this_month`, `previous_3_months`, `next_2_quarters` (S2).

A week begins on Monday. *Previous* and *next* periods are whole ones, without the one that runs.
"""

import calendar
import datetime
import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, npgettext, pgettext

DAY = re.compile(r"(today)?(?:([+ -])(\d{1,4})([dwmqy]))?", re.ASCII)
PERIOD = re.compile(r"(this|previous|next)(?:_(\d{1,3}))?_(day|week|month|quarter|year)s?", re.ASCII)
UNITS = {"d": "day", "w": "week", "m": "month", "q": "quarter", "y": "year"}
MONTHS = {"month": 1, "quarter": 3, "year": 12}


def day(text: str, today: datetime.date) -> datetime.date | None:
    """Return the day a text tells from today on, or None if it tells none so; raise ValidationError beyond the calendar."""
    found = DAY.fullmatch(text)
    if not text or not found:
        return None
    _today, sign, number, unit = found.groups()
    # A "+" in a query string arrives as a blank.
    return _moved(today, int(number) * (-1 if sign == "-" else 1), UNITS[unit]) if unit else today


def period(text: str, today: datetime.date) -> tuple[datetime.date, datetime.date]:
    """Return the first and last day of a period; raise ValidationError for what is none."""
    found = PERIOD.fullmatch(text)
    if not found or (found[1] == "this" and found[2] not in (None, "1")) or found[2] == "0":
        raise ValidationError(_("This is no period."))
    which, number, unit = found[1], int(found[2] or 1), found[3]
    first = _beginning(today, unit)
    begins, ends = {"this": (0, 1), "previous": (-number, 0), "next": (1, number + 1)}[which]
    return _moved(first, begins, unit), _moved(first, ends, unit) - datetime.timedelta(days=1)


def day_in_words(text: str) -> str | None:
    """Return *30 days ago*, or None if the text tells no day from today on."""
    found = DAY.fullmatch(text)
    if not text or not found:
        return None
    _today, sign, number, unit = found.groups()
    if not unit:
        return _("today")
    words = _count(int(number), UNITS[unit])
    return (_("%(count)s ago") if sign == "-" else _("in %(count)s")) % {"count": words}


def period_in_words(text: str) -> str:
    """Return *the previous 3 months*, *this week*; what is no period as it is."""
    found = PERIOD.fullmatch(text)
    if not found:
        return text
    which, number, unit = found[1], int(found[2] or 1), found[3]
    if number == 1:
        return str(ONE[which, unit]())
    return (_("the previous %(count)s") if which == "previous" else _("the next %(count)s")) % {"count": _count(number, unit)}


ONE = {
    ("this", "day"): lambda: _("today"),
    ("this", "week"): lambda: _("this week"),
    ("this", "month"): lambda: _("this month"),
    ("this", "quarter"): lambda: _("this quarter"),
    ("this", "year"): lambda: _("this year"),
    ("previous", "day"): lambda: _("yesterday"),
    ("previous", "week"): lambda: _("the previous week"),
    ("previous", "month"): lambda: _("the previous month"),
    ("previous", "quarter"): lambda: _("the previous quarter"),
    ("previous", "year"): lambda: _("the previous year"),
    ("next", "day"): lambda: _("tomorrow"),
    ("next", "week"): lambda: _("the next week"),
    ("next", "month"): lambda: _("the next month"),
    ("next", "quarter"): lambda: _("the next quarter"),
    ("next", "year"): lambda: _("the next year"),
}


def period_in_sentence(text: str) -> str:
    """Return when that is, as it stands in a sentence: *in the previous 3 months*, *this week*; what is no period as it is."""
    found = PERIOD.fullmatch(text)
    if not found:
        return text
    which, number, unit = found[1], int(found[2] or 1), found[3]
    return str(WHEN_ONE[which, unit]()) if number == 1 else _when(which, number, unit) % {"count": number}


#: Words of their own, as languages bend them here: *der vorige Monat*, but *im vorigen Monat*.
WHEN_ONE = {
    ("this", "day"): lambda: pgettext("when", "today"),
    ("this", "week"): lambda: pgettext("when", "this week"),
    ("this", "month"): lambda: pgettext("when", "this month"),
    ("this", "quarter"): lambda: pgettext("when", "this quarter"),
    ("this", "year"): lambda: pgettext("when", "this year"),
    ("previous", "day"): lambda: pgettext("when", "yesterday"),
    ("previous", "week"): lambda: pgettext("when", "in the previous week"),
    ("previous", "month"): lambda: pgettext("when", "in the previous month"),
    ("previous", "quarter"): lambda: pgettext("when", "in the previous quarter"),
    ("previous", "year"): lambda: pgettext("when", "in the previous year"),
    ("next", "day"): lambda: pgettext("when", "tomorrow"),
    ("next", "week"): lambda: pgettext("when", "in the next week"),
    ("next", "month"): lambda: pgettext("when", "in the next month"),
    ("next", "quarter"): lambda: pgettext("when", "in the next quarter"),
    ("next", "year"): lambda: pgettext("when", "in the next year"),
}


def _when(which, number, unit):
    if which == "previous":
        words = {
            "day": npgettext("when", "in the previous %(count)s day", "in the previous %(count)s days", number),
            "week": npgettext("when", "in the previous %(count)s week", "in the previous %(count)s weeks", number),
            "month": npgettext("when", "in the previous %(count)s month", "in the previous %(count)s months", number),
            "quarter": npgettext("when", "in the previous %(count)s quarter", "in the previous %(count)s quarters", number),
            "year": npgettext("when", "in the previous %(count)s year", "in the previous %(count)s years", number),
        }
    else:
        words = {
            "day": npgettext("when", "in the next %(count)s day", "in the next %(count)s days", number),
            "week": npgettext("when", "in the next %(count)s week", "in the next %(count)s weeks", number),
            "month": npgettext("when", "in the next %(count)s month", "in the next %(count)s months", number),
            "quarter": npgettext("when", "in the next %(count)s quarter", "in the next %(count)s quarters", number),
            "year": npgettext("when", "in the next %(count)s year", "in the next %(count)s years", number),
        }
    return words[unit]


def _count(number, unit):
    words = {
        "day": ngettext("%(count)s day", "%(count)s days", number),
        "week": ngettext("%(count)s week", "%(count)s weeks", number),
        "month": ngettext("%(count)s month", "%(count)s months", number),
        "quarter": ngettext("%(count)s quarter", "%(count)s quarters", number),
        "year": ngettext("%(count)s year", "%(count)s years", number),
    }
    return words[unit] % {"count": number}


def _beginning(today, unit):
    if unit in {"day", "week"}:
        return today - datetime.timedelta(days=today.weekday() if unit == "week" else 0)
    months = MONTHS[unit]
    return today.replace(month=(today.month - 1) // months * months + 1, day=1)


def _moved(start, number, unit):
    """Return the day this many units away; of a shorter month its last day."""
    try:
        if unit in {"day", "week"}:
            moved = start + datetime.timedelta(days=number * (7 if unit == "week" else 1))
        else:
            year, month = divmod(start.year * 12 + start.month - 1 + number * MONTHS[unit], 12)
            moved = start.replace(year=year, month=month + 1, day=min(start.day, calendar.monthrange(year, month + 1)[1]))
        if not 1 < moved.year < 9999:
            raise OverflowError
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        raise ValidationError(_("This day is beyond the calendar.")) from None
    return moved
