"""Moments and days, asked by days where the user is."""

import datetime
import functools
from dataclasses import dataclass
from operator import or_ as operator_or

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from crm import periods
from crm.fields.base import BARE, Cell, Field
from crm.models import NEVER

MAX_PERIODS = 20


@dataclass(frozen=True, kw_only=True)
class Moment(Field):
    """A date and time, asked by days where the user is, or by exact moments (API). `due` shows overdue in red (R15); where nothing is
    known, `never` tells that the column holds NEVER, which an index has last, and no NULL."""

    due: bool = False
    never: bool = False

    operators = ("on", "before", "after", "between", "today", "overdue", "this_week", "this_month", "last_days", "next_days", "period",
                 "lt", "lte", "gt", "gte", "empty", "not_empty")  # fmt: skip
    default_operator = "on"
    kind = "date"

    def filled(self):
        if self.required:
            return None
        return Q(**{f"{self.sort}__lt": NEVER}), Q(**{self.sort: NEVER}) if self.never else self._none(self.sort)

    @staticmethod
    def _none(path):
        return Q(**{path: NEVER}) | Q(**{f"{path}__isnull": True})

    @staticmethod
    def _begins(day, asking):
        """Return what a value of this day is at least."""
        return asking.start_of(day)

    def read(self, operator, value, asking):
        if operator in BARE:
            return None
        values = value if isinstance(value, list | tuple) else str(value).split(",")
        if not (0 < len(values) <= MAX_PERIODS if operator == "period" else len(values) == (2 if operator == "between" else 1)):
            raise ValidationError(_("Enter a date, for example 2026-01-31."))
        if operator in {"last_days", "next_days"}:
            text = str(values[0]).strip()
            if not text.isdecimal() or not text.isascii() or len(text) > 4:
                raise ValidationError(_("Enter a number of days between 0 and 9999."))
            return int(text)
        if operator == "period":
            return [periods.period(str(item).strip(), asking.today) for item in values]
        read = [self._moment(str(item).strip(), asking) for item in values]
        return read if operator == "between" else read[0]

    def _moment(self, text, asking):
        """Return a date or an aware datetime; a date may be told from today on, as in *-30d*."""
        if day := periods.day(text, asking.today):
            return day
        # A "+" in a query string arrives as a blank.
        try:
            value = parse_date(text) if len(text) <= 10 else parse_datetime(text.replace(" ", "+") if "T" in text else text)
        except ValueError:
            value = None
        if value is None or not 1 < value.year < 9999:
            raise ValidationError(_("Enter a date, for example 2026-01-31."))
        if isinstance(value, datetime.datetime) and timezone.is_naive(value):
            value = value.replace(tzinfo=asking.zone)
        return value

    def condition(self, operator, value, asking):
        path, day = self.column, datetime.timedelta(days=1)
        if operator in {"empty", "not_empty"}:
            return self._none(path) if operator == "empty" else ~self._none(path)

        def start(moment):
            return moment if isinstance(moment, datetime.datetime) else self._begins(moment, asking)

        def end(moment):  # of a day, or the moment itself
            return moment if isinstance(moment, datetime.datetime) else self._begins(moment + day, asking)

        def within(first, last):  # whole days
            return Q(**{f"{path}__gte": self._begins(first, asking), f"{path}__lt": self._begins(last + day, asking)})

        today = asking.today
        monday = today - datetime.timedelta(days=today.weekday())
        match operator:
            case "today":
                return within(today, today)
            case "overdue":
                return Q(**{f"{path}__lt": self._present(asking)})
            case "this_week":
                return within(monday, monday + 6 * day)
            case "this_month":
                first = today.replace(day=1)
                return within(first, (first + 32 * day).replace(day=1) - day)
            case "last_days":
                return within(today - value * day, today)
            case "next_days":
                return within(today, today + value * day)
            case "period":
                return functools.reduce(operator_or, (within(first, last) for first, last in value))
            case "on":
                if isinstance(value, datetime.datetime):
                    return Q(**{path: value})
                return within(value, value)
            case "between":
                return Q(**{f"{path}__gte": start(value[0])}) & Q(**{f"{path}__lt": end(value[1])})
            case "before" | "lt":
                return Q(**{f"{path}__lt": start(value)})
            case "after" | "gt":
                exact = isinstance(value, datetime.datetime)
                return Q(**{f"{path}__{'gt' if exact else 'gte'}": end(value)}) & ~self._none(path)
            case "gte":
                return Q(**{f"{path}__gte": start(value)}) & ~self._none(path)
            case "lte":
                exact = isinstance(value, datetime.datetime)
                return Q(**{f"{path}__{'lte' if exact else 'lt'}": end(value)})
        raise AssertionError(operator)

    @staticmethod
    def _present(asking):
        return asking.now

    def value(self, row):
        value = row.get(self.column)
        return None if value == NEVER else value

    def text(self, row, asking):
        from crm.web import formats

        return formats.moment(self.value(row))

    def export(self, row, asking):
        value = self.value(row)
        # A spreadsheet knows no zones: the user's own, as on screen.
        return value.astimezone(asking.zone).replace(tzinfo=None, microsecond=0) if value else None

    def cell(self, row, asking):
        from crm.web import formats

        value = self.value(row)
        if value is None:
            return Cell("", "date")
        overdue = self.due and value < self._present(asking)
        return Cell(formats.near(value), "due" if self.due else "date", title=self.text(row, asking), data={"overdue": overdue})


@dataclass(frozen=True, kw_only=True)
class Day(Moment):
    """A date, the same wherever the user is. One that is not known is NULL."""

    def filled(self):
        return None if self.required else (Q(**{f"{self.sort}__isnull": False}), Q(**{f"{self.sort}__isnull": True}))

    @staticmethod
    def _none(path):
        return Q(**{f"{path}__isnull": True})

    @staticmethod
    def _begins(day, asking):
        return day

    @staticmethod
    def _present(asking):
        return asking.today

    def _moment(self, text, asking):
        value = super()._moment(text, asking)
        return value.astimezone(asking.zone).date() if isinstance(value, datetime.datetime) else value

    def text(self, row, asking):
        from crm.web import formats

        return formats.date(self.value(row))

    def export(self, row, asking):
        return self.value(row)
