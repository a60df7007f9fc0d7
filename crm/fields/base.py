"""What every kind of field has: who asks, what a cell and a part of a list are, how criteria name the operators."""

import datetime
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from crm import access

MAX_VALUES = 500  # values in one *is one of*


@dataclass
class Asking:
    """Who asks, and when: *me*, *my team* and *today* depend on it. Caches the small lists for one request."""

    user: Any
    now: datetime.datetime = field(default_factory=timezone.now)
    _items: dict = field(default_factory=dict)
    _cells: dict = field(default_factory=dict)

    @cached_property
    def zone(self) -> zoneinfo.ZoneInfo:
        return self.user.zone

    @cached_property
    def today(self) -> datetime.date:
        return self.now.astimezone(self.zone).date()

    def start_of(self, day: datetime.date) -> datetime.datetime:
        """Return the moment the day begins where the user is."""
        return datetime.datetime.combine(day, datetime.time.min, self.zone)

    def items(self, model_label: str) -> dict:
        """Return all items of a list, by key, in their order; one query per request."""
        if model_label not in self._items:
            self._items[model_label] = {item.pk: item for item in apps.get_model(model_label).objects.all()}
        return self._items[model_label]

    def load(self, model_labels) -> None:
        """Fetch several lists by one statement: a page needs four or five of them, and each query costs more than its rows."""
        labels = [label for label in sorted(set(model_labels)) if label not in self._items]
        if len(labels) > 1:
            self._items |= _every_item(labels)

    def cell(self, described, key, make) -> "Cell":
        """Return the cell of a field's item, made once: the fifty rows of a page share few items."""
        place = (id(described), key)
        if place not in self._cells:
            self._cells[place] = (make(), described)  # with the field: while it is kept, no other one has its id
        return self._cells[place][0]

    def sees(self, owner_id) -> bool:
        """Tell whether a record of which only the owner is known may be shown (crm.access)."""
        return access.sees_owner(self.user, owner_id)


def _every_item(labels):
    """Return {label: {key: item}} of several lists, read by one statement: their rows under each other."""
    statement, columns = _united(tuple(labels), connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall()
    found: dict[str, list] = {label: [] for label in labels}
    for number, *values in rows:
        model, names, places, converted = columns[number]
        row = [values[place] for place in places]
        for place, convert, column in converted:
            row[place] = convert(row[place], column, connection)
        found[labels[number]].append(model.from_db(connection.alias, names, row))
    return {
        label: {item.pk: item for item in sorted(items, key=attrgetter(*model._meta.ordering, "pk"))}
        for (label, items), (model, *_rest) in zip(found.items(), columns, strict=True)
    }


@cache
def _united(labels, vendor):
    """Return the statement that reads these lists, and for each its model, its columns' names, where they stand in a row, and what
    makes Python values of them, as Django's compiler asks for it."""
    models = [apps.get_model(label) for label in labels]
    # What a list never shows stays in the database: above all passwords.
    fields = [[f for f in model._meta.concrete_fields if f.attname not in {"password", "email"}] for model in models]
    quote = connection.ops.quote_name
    every = {field.attname: field for own in fields for field in own}
    selects, columns = [], []
    for number, (model, own) in enumerate(zip(models, fields, strict=True)):
        there = {field.attname: quote(field.column) for field in own}
        listed = ", ".join(there.get(name) or f"CAST(NULL AS {field.cast_db_type(connection)})" for name, field in every.items())
        selects.append(f"SELECT {number}, {listed} FROM {quote(model._meta.db_table)}")  # noqa: S608 (names of our own)
        converted = [
            (n, convert, field.cached_col)
            for n, field in enumerate(own)
            for convert in connection.ops.get_db_converters(field.cached_col) + field.get_db_converters(connection)
        ]
        columns.append((model, list(there), [list(every).index(name) for name in there], converted))
    return " UNION ALL ".join(selects), columns


OPERATORS = {
    "contains": gettext_lazy("contains"),
    "not_contains": gettext_lazy("does not contain"),
    "starts": gettext_lazy("starts with"),
    "not_starts": gettext_lazy("does not start with"),
    "ends": gettext_lazy("ends with"),
    "not_ends": gettext_lazy("does not end with"),
    "is": pgettext_lazy("operator", "is"),
    "is_not": pgettext_lazy("operator", "is not"),
    "in": gettext_lazy("is one of"),
    "not_in": gettext_lazy("is none of"),
    "lt": pgettext_lazy("operator", "less than"),
    "lte": pgettext_lazy("operator", "at most"),
    "gt": pgettext_lazy("operator", "more than"),
    "gte": pgettext_lazy("operator", "at least"),
    "between": pgettext_lazy("operator", "between"),
    "before": gettext_lazy("before"),
    "after": gettext_lazy("after"),
    "on": pgettext_lazy("operator", "on"),
    "today": gettext_lazy("today"),
    "overdue": gettext_lazy("overdue"),
    "period": gettext_lazy("in the period"),
    "this_week": gettext_lazy("this week"),
    "this_month": gettext_lazy("this month"),
    "last_days": gettext_lazy("in the last … days"),
    "next_days": gettext_lazy("in the next … days"),
    "empty": gettext_lazy("is empty"),
    "not_empty": gettext_lazy("is not empty"),
    "some": gettext_lazy("there are"),
    "none": gettext_lazy("there are none"),
}
#: Operators that take no value.
BARE = {"today", "overdue", "this_week", "this_month", "empty", "not_empty", "some", "none"}


class Cell(NamedTuple):
    """What a list shows of one field of one row. `kind` chooses the macro, `data` is what it needs beside the text: nobody writes into it.

    A tuple: a page makes hundreds, and its template takes each apart at once.
    """

    text: str = ""
    kind: str = "text"
    title: str = ""
    sub: str = ""
    data: Mapping = {}


@dataclass(frozen=True)
class Part:
    """The records that share a value of a field: its key in a URL, how it is shown, and the condition.

    A list is grouped by the parts of a field, and sorted by them where the field's own order is not that of its column.
    """

    key: str
    cell: Cell
    q: Q


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of a record type.

    `path` is the ORM path of the stored value, `sort` that of the column lists sort by (indexed where it matters; empty: cannot
    be sorted), `edit` the name under which the record's edit action takes it (empty: read only), `default` whether a list
    shows it until its user chooses, `required` that it is never empty, `load` names what a page of rows needs beside its own
    columns, `sum` the path of the whole numbers that a list adds up in its foot and for each group.
    """

    name: str
    label: Any
    path: str = ""
    sort: str = ""
    filter: bool = True
    group: bool = False
    edit: str = ""
    default: bool = False
    width: int = 0
    required: bool = False
    load: Callable | None = None
    sum: str = ""
    help: Any = ""

    operators: ClassVar[tuple[str, ...]] = ()
    default_operator: ClassVar[str] = "is"
    kind: ClassVar[str] = "text"
    #: Whether what `load` gives is the cell's text itself, not what stands below it.
    loads_text: ClassVar[bool] = False
    #: Whether it is about related records, which may have a condition of their own (crm.relations).
    takes_where: ClassVar[bool] = False

    @property
    def full_label(self) -> str:
        """The field's name with the way to it, where it is not the record's own: *Company: City*."""
        return str(self.label)

    @property
    def column(self) -> str:
        return self.path or self.name

    @property
    def columns(self) -> tuple[str, ...]:
        """The ORM paths a row must carry for this field's cell."""
        return (self.column,)

    @property
    def lists(self) -> tuple[str, ...]:
        """The lists whose items this field's cell shows."""
        return ()

    @property
    def param(self) -> str:
        """What the field is called in a URL and in the API's filters."""
        return self.name

    def parts(self, asking: Asking) -> list[Part] | None:
        """Return the parts of a list by this field's values, in their order and those without a value last; None if its
        values are too many to be named."""
        return None

    def present(self, asking: Asking) -> set[str] | None:
        """Return the keys of the parts that hold any record at all, where the field knows; lists leave the others out."""
        return None

    @property
    def part_columns(self) -> tuple[str, ...]:
        """The columns whose values decide to which part a record belongs."""
        return (self.column,)

    def asked(self, keys, asking: Asking) -> dict:
        """Return the criteria that the records of these parts fulfil, and no others: *""* is the key of that without a value."""
        values = [key for key in keys if key]
        lines = [{"field": self.name, "operator": "in", "value": values}] if values else []
        if len(values) < len(keys):
            lines.append({"field": self.name, "operator": "empty"})
        return lines[0] if len(lines) == 1 else {"any": lines}

    def part_key(self, row: dict, asking: Asking) -> str:
        """Return the key of the part to which a record with these values of `part_columns` belongs; *""* if to that without."""
        value = row[self.column]
        return "" if value is None else str(value)

    def filled(self) -> tuple[Q, Q] | None:
        """Return the conditions of records with and without a value, where lists show the latter last. Both are ranges of
        the column's index."""
        return None

    def read(self, operator: str, value: Any, asking: Asking) -> Any:
        """Return the value of a criteria line as Python has it; raise ValidationError for one that makes no sense."""
        raise NotImplementedError

    def condition(self, operator: str, value: Any, asking: Asking) -> Q:
        """Return the condition for a value that `read` returned."""
        raise NotImplementedError

    def cell(self, row: dict, asking: Asking) -> Cell:
        return Cell(self.text(row, asking))

    def text(self, row: dict, asking: Asking) -> str:
        """Return the value in words, as lists and exports show it."""
        value = row.get(self.column)
        return "" if value is None else str(value)

    def export(self, row: dict, asking: Asking) -> Any:
        """Return the value for a spreadsheet: a number or date where it is one."""
        return self.text(row, asking)

    def total(self, value: int, *, aligned=False) -> str:
        """Return what a list adds up to, in words; `aligned` where it stands in the column that it sums up."""
        from crm.web import formats

        return formats.number(value)


def ids_of(value) -> list[int]:
    """Return the ids a value names; raise ValidationError."""
    values = value if isinstance(value, list | tuple) else str(value).split(",")
    if len(values) > MAX_VALUES:
        raise ValidationError(_("At most %(count)s values."), params={"count": MAX_VALUES})
    try:
        ids = [int(str(item).strip()) for item in values if str(item).strip() != ""]
    except ValueError:
        raise ValidationError(_("This is no valid choice.")) from None
    if any(not 0 <= pk < 2**63 for pk in ids) or any(isinstance(item, bool) for item in values):
        raise ValidationError(_("This is no valid choice."))
    return ids
