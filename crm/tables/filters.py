"""The form that asks for one filter, by the kind of its field, and what it makes of the answer."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from crm import criteria
from crm.criteria import Line
from crm.fields import BARE, OPERATORS, Field, Link, Moment

#: What the API can ask, but what no form needs to offer beside *before*, *after* and *contains*.
UNOFFERED = {Moment: {"lt", "lte", "gt", "gte"}, Link: {"in", "not_in"}}
#: Which inputs of a date's form belong to which operators.
DAYS = ("last_days", "next_days")
TWO = ("between",)
MAX_UNSEARCHED = 8  # more choices than this get a field to search them


@dataclass(frozen=True)
class Option:
    key: str
    label: str
    colour: str
    chosen: bool


class FilterForm:
    """One filter of a table: the field, the operators it offers, and the values chosen so far.

    `data` is what was sent (operator and value); without it, the form shows the line that is on.
    """

    def __init__(self, table, field: Field, data=None, param=""):
        self.table, self.field, self.data, self.error = table, field, data, ""
        self.line: Line | None = next((line for line in table.lines if line.field is field and param in ("", line.param)), None)
        self.operators = [
            (name, str(OPERATORS[name]).replace("…", "X"))
            for name in field.operators
            if name not in UNOFFERED.get(type(field), ())
        ]
        self.operator, self.values = self._begin()

    def _begin(self) -> tuple[str, list[str]]:
        if self.data is not None:
            return self.data.get("operator", self.field.default_operator), self.data.getlist("value")
        if self.line is None:
            return self.field.default_operator, []
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

    @property
    def options(self) -> list[Option]:
        """The choices, with *me* and *my team* first where they are users."""
        field: Any = self.field
        chosen = set(self.values)
        items = [Option(str(one.pk), str(one.label), getattr(one, "colour", ""), str(one.pk) in chosen) for one in
                 field.options(self.table.asking)]  # fmt: skip
        if self.kind != "user":
            return items
        words = [("me", _("me")), ("my_team", _("my team"))]
        return [*(Option(key, label, "", key in chosen) for key, label in words), *items]

    def address(self) -> str:
        """Return the list's address with this filter; raise ValidationError, and keep its words, if it makes no sense.

        A filter without any value is no filter: it takes the one that was on away.
        """
        filters = list(self.table.filters)
        if self.line:
            filters = [pair for pair in filters if pair[0] != self._param_in_url(filters)]
        values = [value for value in self.values if value.strip()]
        if not values and self.operator not in BARE:
            return self.table.address(filters)
        asked: Any = values if len(values) > 1 else (values or ["1"])[0]
        try:
            line = criteria.line(self.table.record, self.field.name, self.operator, asked, self.table.asking)
        except ValidationError as error:
            self.error = " ".join(error.messages)
            raise
        filters = [pair for pair in filters if pair[0] != line.param]
        return self.table.address([*filters, (line.param, line.param_value)])

    def _param_in_url(self, filters):
        names = {name for name, _value in filters}
        full = f"{self.field.param}__{self.line.operator}"
        return self.line.param if self.line.param in names else full
