"""When follow-ups are due: months' ends, changes of clocks, zones, and what comes next of a series (R15)."""

import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities import due
from activities.models import Activity

BERLIN, NEW_YORK = zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("America/New_York")
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "America/St_Johns", "UTC"])
DAYS = st.dates(datetime.date(2000, 1, 1), datetime.date(2060, 12, 31))
TIMES = st.none() | st.times().map(lambda time: time.replace(second=0, microsecond=0, fold=0))
UNITS = st.sampled_from(["daily", "weekly", "monthly", "yearly"])


def activity(day, time, *, zone="Europe/Berlin", repeat="monthly", every=1, until=None):
    at = due.moment(day, time, zoneinfo.ZoneInfo(zone))
    return Activity(due_at=at, repeat_from=at, time_zone=zone, all_day=time is None, repeat=repeat, repeat_every=every,
                    repeat_until=until)  # fmt: skip


def walk(one, steps):
    """Return the days of a series where each is ticked off on the day it is due."""
    days = []
    for _step in range(steps):
        one.due_at = due.next_due(one, one.due_at)
        days.append(one.day)
    return days


def test_the_last_day_of_a_month_stays_the_last_day():
    days = walk(activity(datetime.date(2027, 1, 31), None), 5)
    assert [(day.month, day.day) for day in days] == [(2, 28), (3, 31), (4, 30), (5, 31), (6, 30)]


def test_the_twenty_ninth_of_february_comes_back_in_leap_years():
    days = walk(activity(datetime.date(2028, 2, 29), None, repeat="yearly"), 4)
    assert [(day.year, day.day) for day in days] == [(2029, 28), (2030, 28), (2031, 28), (2032, 29)]


def test_nine_o_clock_stays_nine_o_clock_when_the_clocks_change():
    one = activity(datetime.date(2027, 3, 27), datetime.time(9), repeat="daily")
    assert one.due_at.hour == 8
    one.due_at = due.next_due(one, one.due_at)
    assert (one.due_at.hour, one.due_at.astimezone(BERLIN).hour) == (7, 9)


def test_a_time_that_the_clocks_leave_out_is_an_hour_later_on_that_day_alone():
    one = activity(datetime.date(2027, 3, 27), datetime.time(2, 30), repeat="daily")
    hours = []
    for _day in range(2):
        one.due_at = due.next_due(one, one.due_at)
        hours.append(one.due_at.astimezone(BERLIN).strftime("%d %H:%M"))
    assert hours == ["28 03:30", "29 02:30"]


def test_what_is_long_overdue_goes_on_from_now():
    one = activity(datetime.date(2027, 1, 1), datetime.time(9), repeat="daily")
    assert due.next_due(one, datetime.datetime(2027, 2, 10, 8, 30, tzinfo=BERLIN)).astimezone(BERLIN).day == 11 - 1
    assert due.next_due(one, datetime.datetime(2027, 2, 10, 9, 30, tzinfo=BERLIN)).astimezone(BERLIN).day == 11


def test_postponing_one_leaves_the_series_where_it_was():
    one = activity(datetime.date(2027, 1, 4), None, repeat="weekly")  # a Monday
    one.due_at = due.moment(datetime.date(2027, 1, 6), None, BERLIN)
    one.due_at = due.next_due(one, one.due_at)
    assert one.day == datetime.date(2027, 1, 11)


def test_a_series_ends_on_its_last_day():
    one = activity(datetime.date(2027, 1, 30), None, repeat="daily", until=datetime.date(2027, 1, 31))
    one.due_at = due.next_due(one, one.due_at)
    assert one.day == datetime.date(2027, 1, 31)
    assert due.next_due(one, one.due_at) is None


def test_a_series_ends_where_the_calendar_does():
    assert (
        due.next_due(activity(datetime.date(9999, 6, 1), None, repeat="yearly"), datetime.datetime(9999, 6, 1, tzinfo=BERLIN))
        is None
    )


@given(DAYS, TIMES, ZONES, UNITS, st.integers(1, 99), st.integers(-40_000, 40_000))
def test_the_next_one_is_the_first_of_the_series_after_now(day, time, zone, unit, every, hours):
    one = activity(day, time, zone=zone, repeat=unit, every=every)
    now = one.due_at + datetime.timedelta(hours=hours)
    following = due.next_due(one, now)
    assert following > now and following > one.due_at
    series = [due.of_series(one.due_at, unit, number * every, one.zone) for number in range(1, 3)]
    if hours <= 0:
        assert following == series[0]
    # The time of day is what was typed, save where that time is left out.
    local, wanted = following.astimezone(one.zone), time or due.END_OF_DAY
    assert (
        local.time() == wanted
        or local.replace(tzinfo=None) - datetime.datetime.combine(local.date(), wanted) == datetime.timedelta(hours=1)
        or local.date() != following.astimezone(datetime.UTC).date()
    )
    if unit in {"daily", "weekly"}:
        assert (local.date() - one.day).days % ({"daily": 1, "weekly": 7}[unit] * every) == 0
    else:
        months = (local.year - one.day.year) * 12 + local.month - one.day.month
        assert months % ({"monthly": 1, "yearly": 12}[unit] * every) == 0
        assert local.day == one.day.day or (local.date() + datetime.timedelta(days=1)).day == 1


@given(DAYS, ZONES, UNITS, st.integers(1, 12), st.integers(2, 40))
def test_a_series_walked_step_by_step_is_the_series(day, zone, unit, every, steps):
    one = activity(day, datetime.time(12), zone=zone, repeat=unit, every=every)
    first = one.due_at
    for number in range(1, steps):
        one.due_at = due.next_due(one, one.due_at)
        assert one.due_at == due.of_series(first, unit, number * every, one.zone)


@pytest.mark.parametrize(
    ("zone", "today", "tomorrow", "monday"),
    [
        # Late on Sunday in Berlin it is still Sunday afternoon in New York.
        (BERLIN, "2027-03-28", "2027-03-29", "2027-03-29"),
        (NEW_YORK, "2027-03-28", "2027-03-29", "2027-03-29"),
        (zoneinfo.ZoneInfo("Asia/Tokyo"), "2027-03-29", "2027-03-30", "2027-04-05"),
    ],
)
def test_days_begin_where_the_user_is(zone, today, tomorrow, monday):
    days = due.Days.of(datetime.datetime(2027, 3, 28, 19, 0, tzinfo=datetime.UTC), zone)
    assert str(days.today) == today
    assert days.tomorrow_at.isoformat().startswith(f"{tomorrow}T00:00:00")
    assert days.next_week_at.isoformat().startswith(f"{monday}T00:00:00")
