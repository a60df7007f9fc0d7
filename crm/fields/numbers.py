"""Whole numbers and amounts."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from crm.fields.base import BARE, Cell, Field


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    operators = ("is", "is_not", "lt", "lte", "gt", "gte", "between", "empty", "not_empty")
    kind = "number"
    low: ClassVar[int] = -(2**63)
    high: ClassVar[int] = 2**63 - 1

    def filled(self):
        return None if self.required else (Q(**{f"{self.sort}__isnull": False}), Q(**{f"{self.sort}__isnull": True}))

    def read(self, operator, value, asking):
        if operator in BARE:
            return None
        # Of a single number a comma is its decimal point.
        values = value if isinstance(value, list | tuple) else str(value).split(",") if operator == "between" else [value]
        if len(values) != (2 if operator == "between" else 1):
            raise ValidationError(_("Enter a number."))
        numbers = [self._number(str(item).strip()) for item in values]
        return numbers if operator == "between" else numbers[0]

    def _number(self, text):
        """Return the number a text stands for; raise ValidationError."""
        try:
            number = int(text) if len(text) < 25 else None
        except ValueError:
            number = None
        if number is None or not self.low <= number <= self.high:
            raise ValidationError(_("Enter a number."))
        return number

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            return Q(**{f"{self.column}__isnull": operator == "empty"})
        if operator == "between":
            return Q(**{f"{self.column}__gte": value[0], f"{self.column}__lte": value[1]})
        if operator == "is_not":
            return ~Q(**{self.column: value})
        return Q(**{self.column if operator == "is" else f"{self.column}__{operator}": value})

    def export(self, row, asking):
        return row.get(self.column)

    def cell(self, row, asking):
        return Cell(self.text(row, asking), "number")


@dataclass(frozen=True, kw_only=True)
class Counted(Number):
    """How many of something belong to a record: `load` counts for the page that is shown, so lists neither sort nor filter by it."""

    filter: bool = False
    loads_text = True

    @property
    def columns(self):
        return ("pk",)

    def cell(self, row, asking):
        return Cell("", "number")


@dataclass(frozen=True, kw_only=True)
class Money(Number):
    """An amount, exact to the cent. `currency_path` is where its currency stands; without one it is the base currency's, and
    the column counts its cents."""

    currency_path: str = ""

    low = -(10**13 - 1)
    high = 10**13 - 1

    @property
    def columns(self):
        return tuple(filter(None, (self.column, self.currency_path)))

    def _number(self, text):
        text = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
        if not re.fullmatch(r"-?[0-9]{1,13}(\.[0-9]{1,2})?", text):
            raise ValidationError(_("Enter an amount, for example 1250.50."))
        return Decimal(text) if self.currency_path else int(Decimal(text) * 100)

    def amount(self, row):
        value = row.get(self.column)
        return value if value is None or self.currency_path else Decimal(value).scaleb(-2)

    def text(self, row, asking):
        from crm.web import formats

        currency = row[self.currency_path] if self.currency_path else settings.BASE_CURRENCY
        return formats.money(self.amount(row), currency, aligned=True)

    def export(self, row, asking):
        return self.amount(row)

    def total(self, value, *, aligned=False):
        from crm.web import formats

        return formats.money(Decimal(value).scaleb(-2), settings.BASE_CURRENCY, aligned=aligned)
