"""The form that asks for one filter, by the kind of its field, and what it makes of the answer."""

from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import criteria
from crm.criteria import Line
from crm.criteria.offered import MAX_UNSEARCHED, Option, operators_of, options_of, usual_operator
from crm.fields import BARE, Field

#: Which inputs of a date's form belong to which operators.
DAYS = ("last_days", "next_days")
TWO = ("between",)
#: What is said where no value is given, by the operator or the kind of field.
MISSING = {
    **dict.fromkeys(DAYS, gettext_lazy("Enter a number of days between 0 and 9999.")),
    **dict.fromkeys(("choice", "user"), gettext_lazy("Choose at least one.")),
    "yesno": gettext_lazy("Choose one of these."),
    "date": gettext_lazy("Enter a date, for example 2026-01-31."),
    "number": gettext_lazy("Enter a number."),
}
REVERSED = {
    "date": gettext_lazy("The first day lies after the last one."),
    "number": gettext_lazy("The first number is greater than the last one."),
}


class FilterForm:
    """One filter of a table: the field, the operators it offers, and the values chosen so far.

    `data` is what was sent (operator and value); without it, the form shows the line that is on.
    """

    def __init__(self, table, field: Field, data=None, param=""):
        self.table, self.field, self.data, self.error = table, field, data, ""
        self.line: Line | None = next((line for line in table.lines if line.field is field and param in ("", line.param)), None)
        self.operator, self.values = self._begin()
        self.operators = operators_of(field, self.operator)

    def _begin(self) -> tuple[str, list[str]]:
        if self.data is not None:
            return self.data.get("operator", self.field.default_operator), self.data.getlist("value")
        if self.line is None:
            return usual_operator(self.field), []
        value = self.line.value
        if self.field.kind in {"choice", "user"} or self.line.operator in TWO:
            value = value if isinstance(value, list | tuple) else str(value).split(",")
        return self.line.operator, [str(one) for one in (value if isinstance(value, list | tuple) else [value])]

    @property
    def kind(self):
        return self.field.kind

    @property
    def value(self):
        return self.values[0] if self.values else ""

    @property
    def second(self):
        return self.values[1] if len(self.values) > 1 else ""

    @property
    def bare(self):
        return " ".join(sorted(BARE))

    @property
    def searchable(self):
        return len(self.options) > MAX_UNSEARCHED

    @cached_property
    def options(self) -> list[Option]:
        return options_of(self.field, self.values, self.table.asking)

    def address(self) -> str:
        """Return the list's address with this filter; raise ValidationError, and keep its words, if it makes no sense.

        One that was on and is emptied is taken away.
        """
        filters = list(self.table.filters)
        if self.line:
            filters = [pair for pair in filters if pair[0] != self._param_in_url(filters)]
        values = [value for value in self.values if value.strip()]
        if not values and self.operator not in BARE:
            if self.line and self.line.operator == self.operator:
                return self.table.address(filters)
            self.error = str(MISSING.get(self.operator) or MISSING.get(self.kind) or _("Enter a text."))
            raise ValidationError(self.error)
        if self.kind == "number":  # in an address a comma stands between two
            values = [value.replace(",", ".") if value.count(",") == 1 and "." not in value else value for value in values]
        asked: Any = values if len(values) > 1 else (values or ["1"])[0]
        try:
            line = criteria.line(self.table.record, self.field.name, self.operator, asked, self.table.asking)
            if self.operator in TWO and type(line.read[0]) is type(line.read[1]) and line.read[0] > line.read[1]:
                raise ValidationError(REVERSED[self.kind])  # kept in criteria it matches nothing
        except ValidationError as error:
            self.error = " ".join(error.messages)
            raise
        filters = [pair for pair in filters if pair[0] != line.param]
        return self.table.address([*filters, (line.param, line.param_value)])

    def _param_in_url(self, filters):
        names = {name for name, _value in filters}
        full = f"{self.field.param}__{self.line.operator}"
        return self.line.param if self.line.param in names else full
