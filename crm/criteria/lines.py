"""One line *field – operator – value*, as JSON or in a URL: `?city__contains=berlin&lead_status=2,3`."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from crm.fields import BARE, Asking, Field
from crm.records import RecordType
from crm.relations import field_of


@dataclass(frozen=True)
class Line:
    """One valid line: `value` is as it was given, `read` as Python has it.

    `where` is the condition of the related records that a counter counts; `off` says that it is kept, but asks nothing.
    """

    field: Field
    operator: str
    value: Any
    read: Any
    where: Any = None
    off: bool = False
    place: str = ""

    def q(self, asking: Asking) -> Q:
        """Return the condition of this line alone."""
        if not self.field.takes_where:
            return self.field.condition(self.operator, self.read, asking)
        return self.field.related(self.operator, self.read, asking, self.where.q(asking) if self.where else Q())

    @property
    def tree(self) -> dict:
        """The line as JSON has it, however it was given."""
        several = self.field.kind in {"choice", "user"} or self.operator in {"between", "period"}
        value = self.value.split(",") if several and isinstance(self.value, str) else self.value
        made = {"field": self.field.name, "operator": self.operator}
        if self.operator not in BARE:
            made["value"] = list(value) if isinstance(value, tuple) else value
        return made | ({"where": self.where.tree} if self.where else {}) | ({"off": True} if self.off else {})

    @property
    def param(self):
        """The name of the line in a URL."""
        described = self.field
        return described.param if self.operator == described.default_operator else f"{described.param}__{self.operator}"

    @property
    def param_value(self):
        if self.operator in BARE:
            return "1"
        return ",".join(map(str, self.value)) if isinstance(self.value, list | tuple) else str(self.value)


def line(record, field_name, operator, value, asking) -> Line:
    """Return one valid line; raise ValidationError otherwise, its `params` naming the part that is wrong."""
    described = field_of(record, field_name) if isinstance(field_name, str) else None
    if described is None or not described.filter:
        raise ValidationError(_("This field does not exist."), params={"part": "field"})
    operator = operator or described.default_operator
    if not isinstance(operator, str) or operator not in described.operators:
        raise ValidationError(_("This field cannot be queried that way."), params={"part": "operator"})
    if isinstance(value, dict) or (operator in BARE and value not in (None, True, "", "1", "true")):
        raise ValidationError(_("This is no valid value."))
    return Line(described, operator, value, described.read(operator, value, asking))


def from_query(record: RecordType, query, asking: Asking, ignore=()):
    """Return (lines, errors) from a URL's parameters; `errors` maps a parameter to its message.

    A parameter is `field` or `field__operator`; one given several times is a list. Parameters that are no field and are
    not in `ignore` are errors, too: a filter that is not understood must never widen the answer.
    """
    by_param = {described.param: described for described in record.fields.values() if described.filter}
    lines, errors = [], {}
    for param in query:
        if param in ignore:
            continue
        described, operator = by_param.get(param), None
        if described is None:
            name, _separator, operator = param.rpartition("__")
            described = by_param.get(name) if operator else None
        values = query.getlist(param)
        if described is None:
            errors[param] = _("This field does not exist.")
            continue
        try:
            value = values[0] if len(values) == 1 else values
            lines.append(line(record, described.name, operator, value, asking))
        except ValidationError as error:
            errors[param] = " ".join(error.messages)
    return lines, errors


def to_query(lines) -> str:
    """Return the lines as a URL's query string."""
    return urlencode([(one.param, one.param_value) for one in lines])
