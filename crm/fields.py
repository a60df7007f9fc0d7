"""The vocabulary of the field catalogue: what kinds of fields there are, how each is asked, sorted and shown.

An app describes each field of its records once, in its `fields.py` (architecture, idea 1); table columns, column filters,
grouping, bulk change, import mapping, export and API filters all read that description.
"""

import datetime
import functools
import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from operator import or_ as operator_or
from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import BooleanField, DateTimeField, F, Func, Q, TextField, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Contains, EndsWith, Exact, StartsWith
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from crm import access, periods
from crm.models import NEVER, User
from crm.text import fold

MAX_VALUES = 500  # values in one *is one of*
MAX_TEXT = 400
MAX_PERIODS = 20


@dataclass
class Asking:
    """Who asks, and when: *me*, *my team* and *today* depend on it. Caches the small lists for one request."""

    user: Any
    now: datetime.datetime = field(default_factory=timezone.now)
    _items: dict = field(default_factory=dict)

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

    def sees(self, owner_id) -> bool:
        """Tell whether a record of which only the owner is known may be shown (crm.access)."""
        return access.sees_owner(self.user, owner_id)


def _every_item(labels):
    """Return {label: {key: item}} of several lists, read by one statement: their rows under each other."""
    models = [apps.get_model(label) for label in labels]
    # What a list never shows stays in the database: above all passwords.
    fields = [[f for f in model._meta.concrete_fields if f.attname not in {"password", "email"}] for model in models]
    quote = connection.ops.quote_name
    every = {field.attname: field for model_fields in fields for field in model_fields}
    selects = []
    for number, (model, own) in enumerate(zip(models, fields, strict=True)):
        columns = {field.attname: quote(field.column) for field in own}
        listed = ", ".join(
            columns.get(name) or f"CAST(NULL AS {field.cast_db_type(connection)})" for name, field in every.items()
        )
        selects.append(f"SELECT {number}, {listed} FROM {quote(model._meta.db_table)}")  # noqa: S608 (names of our own)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects))
        rows = cursor.fetchall()
    names = list(every)
    places = [[names.index(field.attname) + 1 for field in own] for own in fields]
    # The one database hands these out as they are, the other as text and numbers.
    plain = [[isinstance(field, BooleanField | DateTimeField) for field in own] for own in fields]
    found: dict[str, list] = {label: [] for label in labels}
    for row in rows:
        number = row[0]
        own = fields[number]
        values = [
            field.to_python(row[place]) if convert else row[place]
            for field, place, convert in zip(own, places[number], plain[number], strict=True)
        ]
        found[labels[number]].append(models[number].from_db(connection.alias, [field.attname for field in own], values))
    return {
        label: {item.pk: item for item in sorted(items, key=lambda item: [getattr(item, name) for name in item._meta.ordering])}
        for label, items in found.items()
    }


class Fold(Func):
    """The database's twin of crm.text.fold (made by the migration on PostgreSQL, by crm.apps on SQLite)."""

    function = "lotse_fold"
    output_field = TextField()

    # Most texts are plain ASCII with single blanks: there folding is no more than lower case, and twenty times as quick. Who
    # filters by a text without a stored key reads every row.
    def as_postgresql(self, compiler, connection, **context):
        return self._plain(compiler, connection, "{0} !~ '^([!-~]+( [!-~]+)*)?$'", ' COLLATE "C"')

    def as_sqlite(self, compiler, connection, **context):
        patterns = ("*[^ -~]*", "*  *", " *", "* ")
        return self._plain(compiler, connection, " OR ".join(f"{{0}} GLOB '{pattern}'" for pattern in patterns), "")

    def _plain(self, compiler, connection, unusual, collation):
        (source,) = self.source_expressions
        text, params = compiler.compile(source)
        folded, lower, unusual = f"{self.function}({text})", f"lower({text}{collation})", unusual.format(text)
        return f"CASE WHEN {unusual} THEN {folded} ELSE {lower} END", [*params] * (unusual.count(text) + 2)


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
TESTS = {"contains": Contains, "starts": StartsWith, "ends": EndsWith, "is": Exact}
#: Operators that take no value.
BARE = {"today", "overdue", "this_week", "this_month", "empty", "not_empty", "some", "none"}


@dataclass(frozen=True)
class Cell:
    """What a list shows of one field of one row. `kind` chooses the macro, `data` is what it needs beside the text."""

    text: str = ""
    kind: str = "text"
    title: str = ""
    sub: str = ""
    data: dict = field(default_factory=dict)


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

    @property
    def part_columns(self) -> tuple[str, ...]:
        """The columns whose values decide to which part a record belongs."""
        return (self.column,)

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

    def total(self, value: int) -> str:
        """Return what a list adds up to, in words."""
        from crm.web import formats

        return formats.number(value)


def _one_text(value):
    if isinstance(value, list | tuple):
        value = value[0] if len(value) == 1 else None
    if not isinstance(value, str):
        raise ValidationError(_("Enter a text."))
    if len(value) > MAX_TEXT or "\x00" in value:
        raise ValidationError(_("This text is too long or contains characters that cannot be stored."))
    return value


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """A text; compared folded (settled 16). `key` is the path of its stored folded twin, where it has one."""

    key: str = ""
    as_kind: str = "text"

    operators: ClassVar[tuple[str, ...]] = (
        "contains",
        "not_contains",
        "starts",
        "not_starts",
        "ends",
        "not_ends",
        "is",
        "is_not",
        "empty",
        "not_empty",
    )
    default_operator = "contains"
    kind = "text"

    def filled(self):
        return None if self.required else (Q(**{f"{self.sort}__gt": ""}), Q(**{self.sort: ""}))

    def read(self, operator, value, asking):
        return None if operator in BARE else fold(_one_text(value))

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            empty = Q(**{self.column: ""}) | Q(**{f"{self.column}__isnull": True})
            return ~empty if operator == "not_empty" else empty
        negated = operator.startswith("not_") or operator == "is_not"
        test = TESTS[operator.removeprefix("not_").removesuffix("_not")]
        # The value is always a parameter, and the lookup escapes its % and _.
        if self.key and not negated:
            return Q(**{f"{self.key}__{test.lookup_name}": value})
        compared = Coalesce(F(self.key) if self.key else Fold(F(self.column)), Value(""), output_field=TextField())
        q = Q(test(compared, value))
        return ~q if negated else q

    def cell(self, row, asking):
        return Cell(self.text(row, asking), self.as_kind)


@dataclass(frozen=True, kw_only=True)
class Link(Text):
    """Another record: asked by its ids or by its name; shown as a link to its card."""

    id_path: str = ""
    url_name: str = ""
    sub_path: str = ""  # its second line
    owner_path: str = ""  # whose it is: of a record one may not see, only the name is shown (settled 14)

    operators = (*Text.operators, "in", "not_in")
    # `company=7` is the company of this id, as in the API; by name it is asked with `company__contains`.
    default_operator = "in"
    kind = "link"

    @property
    def columns(self):
        return tuple(filter(None, (self.column, self.id_path, self.sub_path, self.owner_path)))

    def read(self, operator, value, asking):
        if operator not in {"in", "not_in"}:
            return super().read(operator, value, asking)
        if not (ids := _ids(value)):
            raise ValidationError(_("This is no valid choice."))
        return ids

    def condition(self, operator, value, asking):
        if operator in {"in", "not_in"}:
            q = Q(**{f"{self.id_path}__in": value})
            return ~q if operator == "not_in" else q
        if operator in {"empty", "not_empty"}:
            return Q(**{f"{self.id_path}__isnull": operator == "empty"})
        return super().condition(operator, value, asking)

    def cell(self, row, asking):
        pk = row.get(self.id_path)
        if pk is None or (self.owner_path and not asking.sees(row.get(self.owner_path))):
            return Cell(self.text(row, asking))
        return Cell(self.text(row, asking), "link", sub=row.get(self.sub_path) or "", data={"id": pk})


def _ids(value):
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


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """An item of a list that administrators edit, or of a fixed one with a table. Sorted by rank, never by name.

    `through` turns chosen keys into a condition, for a field that is another's property (a category's group).
    """

    items: str = ""
    pill: bool = False
    through: Callable[[list, Asking], Q] | None = None
    pick: Callable[[dict, Asking], Any] | None = None
    needs: tuple[str, ...] = ()  # further lists that `through` and `pick` read

    operators = ("in", "not_in", "empty", "not_empty")
    default_operator = "in"
    kind = "choice"

    @property
    def lists(self):
        return (self.items, *self.needs)

    def parts(self, asking):
        made = [
            Part(str(item.pk), self.item_cell(item), self.condition("in", [item.pk], asking)) for item in self.options(asking)
        ]
        if not self.through:
            made.append(Part("", Cell(str(_("none"))), self.condition("empty", None, asking)))
        return made

    def part_key(self, row, asking):
        item = self.item(row, asking)
        return str(item.pk) if item else ""

    def options(self, asking, selectable=False):
        """Return the items to choose from, in their order."""
        every = asking.items(self.items).values()
        return [item for item in every if not (selectable and getattr(item, "deleted_at", None))]

    def read(self, operator, value, asking):
        if operator in BARE:
            return None
        values = value if isinstance(value, list | tuple) else str(value).split(",")
        known = {str(key): key for key in asking.items(self.items)}
        keys = [known.get(str(item).strip()) for item in values if str(item).strip()]
        if None in keys or not keys:
            raise ValidationError(_("This is no valid choice."))
        return keys

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            return Q(**{f"{self.column}__isnull": operator == "empty"})
        q = self.through(value, asking) if self.through else Q(**{f"{self.column}__in": value})
        return ~q if operator == "not_in" else q

    def item(self, row, asking):
        key = row.get(self.column)
        if self.pick:
            return self.pick(row, asking)
        return asking.items(self.items).get(key) if key is not None else None

    def text(self, row, asking):
        item = self.item(row, asking)
        return str(item.label) if item else ""

    def cell(self, row, asking):
        item = self.item(row, asking)
        return self.item_cell(item) if item else Cell()

    def item_cell(self, item):
        if self.pill:
            return Cell(item.label, "pill", title=item.description, data={"colour": item.colour})
        return Cell(item.label)


@dataclass(frozen=True, kw_only=True)
class Fixed(Field):
    """One of a few values that the code fixes. `choices` is a function that returns (value, label) pairs."""

    choices: Callable[[], Any] = tuple

    operators = ("in", "not_in", "empty", "not_empty")
    default_operator = "in"
    kind = "choice"

    def parts(self, asking):
        made = [Part(str(value), Cell(str(label)), self.condition("in", [value], asking)) for value, label in self.choices()]
        return [*made, Part("", Cell(str(_("none"))), self.condition("empty", None, asking))]

    def options(self, asking, selectable=False):
        return [_Option(value, label) for value, label in self.choices()]

    def read(self, operator, value, asking):
        if operator in BARE:
            return None
        values = value if isinstance(value, list | tuple) else str(value).split(",")
        known = {str(key) for key, _label in self.choices()}
        keys = [str(item).strip() for item in values if str(item).strip()]
        if not keys or not known.issuperset(keys):
            raise ValidationError(_("This is no valid choice."))
        return keys

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            q = Q(**{self.column: ""}) | Q(**{f"{self.column}__isnull": True})
            return ~q if operator == "not_empty" else q
        q = Q(**{f"{self.column}__in": value})
        return ~q if operator == "not_in" else q

    def text(self, row, asking):
        value = row.get(self.column)
        return str(dict(self.choices()).get(value, value or ""))


@dataclass(frozen=True)
class _Option:
    pk: Any
    label: Any
    deleted_at: Any = None


@dataclass(frozen=True, kw_only=True)
class UserChoice(Field):
    """A user, *me* or *my team*."""

    operators = ("in", "not_in", "empty", "not_empty")
    default_operator = "in"
    kind = "user"

    @property
    def lists(self):
        return ("crm.User",)

    def parts(self, asking):
        made = [Part(str(user.pk), self.user_cell(user), Q(**{self.column: user.pk})) for user in self.options(asking)]
        return [*made, Part("", Cell(str(_("nobody"))), self.condition("empty", None, asking))]

    def user_cell(self, user):
        return Cell(user.name, "user", title=user.name, data={"initials": user.initials, "avatar": user.avatar})

    def options(self, asking, selectable=False):
        users = asking.items("crm.User").values()
        return [user for user in sorted(users, key=lambda user: user.name_key) if user.is_active or not selectable]

    def read(self, operator, value, asking):
        if operator in BARE:
            return None
        values = value if isinstance(value, list | tuple) else str(value).split(",")
        words = [item for item in values if item in {"me", "my_team"}]
        ids = _ids([item for item in values if item not in {"me", "my_team"}])
        known = asking.items("crm.User") if ids else {}
        if any(pk not in known for pk in ids) or not (words or ids):
            raise ValidationError(_("This is no valid choice."))
        return [*words, *ids]

    def condition(self, operator, value, asking):
        if operator in {"empty", "not_empty"}:
            return Q(**{f"{self.column}__isnull": operator == "empty"})
        ids = {item for item in value if item not in {"me", "my_team"}}
        if "me" in value:
            ids.add(asking.user.pk)
        if "my_team" in value:
            ids.update(asking.user.colleague_ids)
        if operator == "in":
            return Q(**{f"{self.column}__in": sorted(ids)})
        return ~Q(**{f"{self.column}__in": sorted(ids)}) | Q(**{f"{self.column}__isnull": True})

    def text(self, row, asking):
        user = asking.items("crm.User").get(row.get(self.column))
        return user.name if user else ""

    def cell(self, row, asking):
        user: User | None = asking.items("crm.User").get(row.get(self.column))
        return self.user_cell(user) if user else Cell()


@dataclass(frozen=True, kw_only=True)
class YesNo(Field):
    operators = ("is",)
    kind = "yesno"

    def parts(self, asking):
        return [
            Part("1", Cell(f"{self.label}: {_('yes')}"), self.condition("is", True, asking)),
            Part("0", Cell(f"{self.label}: {_('no')}"), self.condition("is", False, asking)),
        ]

    def part_key(self, row, asking):
        return str(int(row[self.column]))

    def read(self, operator, value, asking):
        if isinstance(value, list | tuple):
            value = value[0] if len(value) == 1 else None
        known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
        if isinstance(value, str):
            value = value.lower()
        if not isinstance(value, bool | str) or value not in known:
            raise ValidationError(_("Answer yes or no."))
        return known[value]

    def condition(self, operator, value, asking):
        return Q(**{self.column: value})

    def text(self, row, asking):
        return _("Yes") if row.get(self.column) else _("No")

    def cell(self, row, asking):
        return Cell(self.text(row, asking) if row.get(self.column) else "", "yesno", data={"on": bool(row.get(self.column))})


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
        values = value if isinstance(value, list | tuple) else str(value).split(",")
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
        return formats.money(self.amount(row), currency)

    def export(self, row, asking):
        return self.amount(row)

    def total(self, value):
        from crm.web import formats

        return formats.money(Decimal(value).scaleb(-2), settings.BASE_CURRENCY)


@dataclass(frozen=True, kw_only=True)
class Moment(Field):
    """A date and time, asked by days where the user is, or by exact moments (API). `due` shows overdue in red (R15)."""

    due: bool = False

    operators = ("on", "before", "after", "between", "today", "overdue", "this_week", "this_month", "last_days", "next_days", "period",
                 "lt", "lte", "gt", "gte", "empty", "not_empty")  # fmt: skip
    default_operator = "on"
    kind = "date"

    def filled(self):
        return None if self.required else (Q(**{f"{self.sort}__lt": NEVER}), self._none(self.sort))

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
