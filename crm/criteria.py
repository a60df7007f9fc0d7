"""A question as a tree of lines *field – operator – value*, turned into one condition (architecture, idea 2).

    {"version": 1, "all": [{"field": "city", "operator": "contains", "value": "berlin"}]}

It is validated on the way in: an unknown field, operator or value is an error with its place, never dropped. Lists hold the
same lines in their URL: `?city__contains=berlin&lead_status=2,3`.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from crm.fields import BARE, OPERATORS, Asking, Field
from crm.records import RecordType

VERSION = 1
MAX_LINES = 100


class CriteriaError(ValueError):
    """Criteria that cannot be asked; `errors` lists (place, message), the place as in `all[2].value`."""

    def __init__(self, errors):
        super().__init__("; ".join(f"{place}: {message}" for place, message in errors))
        self.errors = errors


@dataclass(frozen=True)
class Line:
    """One valid line: `value` is as it was given, `read` as Python has it."""

    field: Field
    operator: str
    value: Any
    read: Any

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


def parse(record: RecordType, tree, asking: Asking) -> list[Line]:
    """Return the lines of a tree; raise CriteriaError that names every place that is wrong."""
    if not isinstance(tree, dict) or set(tree) - {"version", "all"} or not isinstance(tree.get("all", []), list):
        raise CriteriaError([("", _("Criteria are an object with a list “all” of lines."))])
    if tree.get("version", VERSION) != VERSION:
        raise CriteriaError([("version", _("This version of criteria is not known."))])
    if len(tree.get("all", [])) > MAX_LINES:
        raise CriteriaError([("all", _("At most %(count)s lines.") % {"count": MAX_LINES})])
    lines, errors = [], []
    for number, item in enumerate(tree.get("all", [])):
        place = f"all[{number}]"
        if not isinstance(item, dict) or set(item) - {"field", "operator", "value"}:
            errors.append((place, _("A line has a field, an operator and a value.")))
            continue
        try:
            lines.append(line(record, item.get("field"), item.get("operator"), item.get("value"), asking))
        except ValidationError as error:
            part = error.params.get("part", "value") if isinstance(error.params, dict) else "value"
            errors.append((f"{place}.{part}", " ".join(error.messages)))
    if errors:
        raise CriteriaError(errors)
    return lines


def line(record, field_name, operator, value, asking) -> Line:
    """Return one valid line; raise ValidationError otherwise."""
    described = record.fields.get(field_name) if isinstance(field_name, str) else None
    if described is None or not described.filter:
        raise ValidationError(_("This field does not exist."), params={"part": "field"})
    operator = operator or described.default_operator
    if not isinstance(operator, str) or operator not in described.operators:
        raise ValidationError(_("This field cannot be asked that way."), params={"part": "operator"})
    if isinstance(value, dict) or (operator in BARE and value not in (None, True, "", "1", "true")):
        raise ValidationError(_("This is no valid value."))
    return Line(described, operator, value, described.read(operator, value, asking))


def to_q(lines: list[Line], asking: Asking) -> Q:
    """Return the condition of lines that all hold."""
    condition = Q()
    for one in lines:
        condition &= one.field.condition(one.operator, one.read, asking)
    return condition


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


def in_words(one: Line, asking: Asking) -> tuple[str, str]:
    """Return (label, value in words) of a line, as a filter chip shows it."""
    operator = str(OPERATORS[one.operator])
    if one.operator in BARE:
        return str(one.field.label), operator
    read = one.read
    if hasattr(one.field, "options") and isinstance(read, list):
        words = {"me": _("me"), "my_team": _("my team")}
        labels = {option.pk: str(getattr(option, "label", option)) for option in one.field.options(asking)}
        text = ", ".join(words.get(key) or labels.get(key, str(key)) for key in read)
    elif isinstance(one.value, list | tuple):
        text = " – ".join(map(str, one.value))
    elif isinstance(read, bool):
        text = _("yes") if read else _("no")
    else:
        text = str(one.value).replace(",", " – ") if one.operator == "between" else str(one.value)
    if one.operator in {one.field.default_operator, "in", "is"}:
        return str(one.field.label), text
    if "…" in operator:
        return str(one.field.label), operator.replace("…", text)
    return str(one.field.label), f"{operator} {text}"
