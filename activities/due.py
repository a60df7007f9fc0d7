"""When follow-ups are due: days and times where people are, and what comes next of those that repeat (R15)."""

import calendar
import datetime
from dataclasses import dataclass

from activities.models import Activity

END_OF_DAY = datetime.time(23, 59, 59)
#: The most days between two of a series, by its unit: so many at least lie between two that are far apart.
_DAYS = {"daily": 1, "weekly": 7, "monthly": 31, "yearly": 366}


def moment(day, time, zone) -> datetime.datetime:
    """Return the moment of a day at this time (None: the day's last second) in a zone.

    A time that a change of clocks leaves out is the one an hour later; of one that comes twice it is the first.
    """
    return datetime.datetime.combine(day, time or END_OF_DAY, zone).astimezone(datetime.UTC)


def of_series(first, repeat, number, zone) -> datetime.datetime:
    """Return the moment so many units after the first one: the same time of day, the month's last day where it is shorter.

    Raise OverflowError or ValueError where the calendar ends.
    """
    start = first.astimezone(zone)
    if repeat in {Activity.Repeat.DAILY, Activity.Repeat.WEEKLY}:
        day = start.date() + datetime.timedelta(days=number * _DAYS[repeat])
    else:
        months = start.month - 1 + number * (1 if repeat == Activity.Repeat.MONTHLY else 12)
        year, month = start.year + months // 12, months % 12 + 1
        day = datetime.date(year, month, min(start.day, calendar.monthrange(year, month)[1]))
    return moment(day, start.time().replace(tzinfo=None), zone)


def next_due(activity, now) -> datetime.datetime | None:
    """Return when the next of its series is due: the first one after this and after now; None if there is none."""
    if not activity.repeat or activity.due_at is None:
        return None
    first, every, zone = activity.repeat_from or activity.due_at, max(1, activity.repeat_every), activity.zone
    after = max(activity.due_at, now)
    number = max(0, (after - first).days // (_DAYS[activity.repeat] * every) - 1)
    try:
        while (due := of_series(first, activity.repeat, number * every, zone)) <= after:
            number += 1
    except (OverflowError, ValueError):
        return None
    until = activity.repeat_until
    return None if until and due.astimezone(zone).date() > until else due


@dataclass(frozen=True)
class Days:
    """The bounds of today, this week and later for somebody in this zone: moments at which a day begins."""

    today: datetime.date
    tomorrow_at: datetime.datetime
    next_week_at: datetime.datetime

    @classmethod
    def of(cls, now, zone):
        today = now.astimezone(zone).date()
        tomorrow, monday = today + datetime.timedelta(days=1), next_monday(today)
        return cls(today, *(datetime.datetime.combine(day, datetime.time.min, zone) for day in (tomorrow, monday)))


def next_monday(day):
    return day + datetime.timedelta(days=7 - day.weekday())
