"""The order of a list, and its pages by the last row's values instead of an offset: as quick at the end as at the beginning.

A page starts after the values its predecessor ended with, compared as one row: `(name_key, id) > ('petersen', 7)`. That walks the
index that gives the order. What no index gives in the order people expect is walked in stretches, one after the other: a
status by its rank is the stretch of the first status, then that of the second (never a join and a sort of all), and where a
value is missing the record stands in the last stretch, whichever way the list is sorted.
"""

import base64
import binascii
import datetime
import json
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from django.core.exceptions import EmptyResultSet, ValidationError
from django.db import connection
from django.db.models import Case, DateField, DateTimeField, F, Func, IntegerField, Q, TextField, Value, When, Window
from django.db.models.expressions import Col
from django.db.models.functions import Coalesce, RowNumber
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, In, LessThan, LessThanOrEqual
from django.db.models.sql.query import Query
from django.db.models.sql.where import AND, OR, WhereNode
from django.utils.translation import gettext as _

from crm.fields import Asking, Day, Field, Moment, Number
from crm.models import NEVER

MANY = 8  # stretches: beyond, it is first asked which of them hold anything
_TYPES: dict[str, Any] = {"text": TextField(), "moment": DateTimeField(), "day": DateField(), "number": IntegerField()}


class Unindexed(WhereNode):
    """A condition that SQLite tests row by row. It would else gather all rows of an *or* by their indexes, and then sort them."""

    def as_sql(self, compiler, connection):
        sql, params = super().as_sql(compiler, connection)
        return (f"+({sql})", params) if sql and connection.vendor == "sqlite" else (sql, params)


class Unordered(Func):
    """A column, to group by: SQLite would else follow its index, and leap to every single record from there."""

    template = "%(expressions)s"
    arity = 1

    def as_sqlite(self, compiler, connection, **context):
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


class Row(Func):
    """Several values as one."""

    template = "(%(expressions)s)"
    arg_joiner = ", "
    output_field = TextField()


@dataclass(frozen=True)
class Key:
    """One thing rows are compared by; never NULL within its stretch."""

    expression: Any
    descending: bool
    kind: str

    def value(self, given):
        """Return the value as the database takes it, from what a cursor holds; raise ValueError."""
        if self.kind == "moment":
            moment = datetime.datetime.fromisoformat(given)
            if moment.tzinfo is None:
                raise ValueError
            return moment
        if self.kind == "day":
            return datetime.date.fromisoformat(given)
        if self.kind == "text":
            if not isinstance(given, str) or "\x00" in given:
                raise ValueError
        elif not isinstance(given, int) or isinstance(given, bool) or abs(given) >= 2**63:
            raise ValueError
        return given


@dataclass(frozen=True)
class Stretch:
    """A part of the list, ordered by `keys`; `own` of them stand for the field that made it."""

    name: str
    q: Q
    keys: tuple[Key, ...]
    own: int = 0


@dataclass(frozen=True)
class Cursor:
    """A place between two rows: those of a stretch with these values. `at` counts the rows before it, None if nobody knows."""

    stretch: str
    values: list
    at: int | None = None

    def __str__(self):
        plain = [value.isoformat() if isinstance(value, datetime.date) else value for value in self.values]
        text = json.dumps([self.stretch, self.at, *plain], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def cursor_at(values, stretch="") -> str:
    """Return the cursor behind the row of these sort values and this id."""
    return str(Cursor(stretch, list(values)))


class Order:
    """The order of a list by (field, descending) pairs, made total by the id.

    `present(field)` tells which values of a field occur in the list, as text; it is asked only for fields of many parts.
    """

    def __init__(self, levels: list[tuple[Field, bool]], asking: Asking, present: Callable[[Field], set[str]]):
        self.levels, self.asking, self.present = levels, asking, present

    @cached_property
    def stretches(self) -> list[Stretch]:
        (first, descending), *others = self.levels
        rest = list(chain.from_iterable(_further(field, desc, self.asking) for field, desc in others))
        parts = first.parts(self.asking)
        if parts is None:
            key = Key(F(first.sort), descending, _kind(first))
            rest.append(Key(F("pk"), (rest or [key])[-1].descending, "number"))
            if (filled := first.filled()) is None:
                return [Stretch("", Q(), (key, *rest), own=1)]
            with_value, without = filled
            return [Stretch("", with_value, (key, *rest), own=1), Stretch("-", without, tuple(rest))]
        rest.append(Key(F("pk"), rest[-1].descending if rest else False, "number"))
        if len(parts) > MANY:
            there = self.present(first)
            parts = [part for part in parts if part.key in there or not part.key]
        valued = [part for part in parts if part.key]
        ordered = [*(reversed(valued) if descending else valued), *(part for part in parts if not part.key)]
        return [Stretch(part.key or "-", part.q, tuple(rest)) for part in ordered]

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """The keys that rows carry, so that a page can start at any of them."""
        return max((stretch.keys for stretch in self.stretches), key=len)

    def read(self, text) -> Cursor:
        """Return the cursor of an address; raise ValidationError for one that is broken."""
        try:
            name, at, *values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) if len(text) < 4_000 else ""
            stretch = next(one for one in self.stretches if one.name == name)
            if at is not None and (not isinstance(at, int) or not 0 <= at < 2**31):
                raise ValueError
            return Cursor(name, [key.value(value) for key, value in zip(stretch.keys, values, strict=True)], at)
        except (ValueError, TypeError, binascii.Error, RecursionError, StopIteration):
            raise ValidationError(_("The address of this page is broken; go back to the first page.")) from None

    def rows(self, queryset, columns, limit, cursor: Cursor | None = None, backwards=False, few=False) -> list[dict]:
        """Return up to `limit` rows behind the cursor (before it, `backwards`), always in the list's order.

        A row is a dict of the columns; `_cursor` is the place right at it. `few` tells that there are no more than that.
        """
        stretches = self.stretches[::-1] if backwards else self.stretches
        if cursor:
            stretches = stretches[next(n for n, one in enumerate(stretches) if one.name == cursor.stretch) :]
        found: list[dict] = []
        carrying = self._carrying(queryset, columns)
        start, size = 0, len(stretches) if few else 1
        # Hardly ever more than one statement: all others at once, of many a few at first.
        while start < len(stretches) and len(found) < limit:
            these = stretches[start : start + size]
            queries = []
            for stretch in these:
                here = carrying.filter(stretch.q)
                if cursor and stretch.name == cursor.stretch:
                    here = here.filter(_behind(stretch.keys, cursor.values, backwards))
                queries.append(here.order_by(*self._by(stretch, backwards))[: limit - len(found)])
            found += _run(these, queries, columns)
            start, size = start + len(these), len(stretches) if len(stretches) <= MANY or size > 1 else 4
        found = found[:limit]
        return found[::-1] if backwards else found

    def first_of_each(self, queryset, conditions, columns, limit) -> list[list[dict]]:
        """Return the first rows that fulfil each of these conditions, in the list's order; all are asked by one statement."""
        carrying = self._carrying(queryset, columns)
        asked = [(number, stretch) for number in range(len(conditions)) for stretch in self.stretches]
        queries = [
            carrying.filter(conditions[number], stretch.q).order_by(*self._by(stretch))[:limit] for number, stretch in asked
        ]
        found: list[list[dict]] = [[] for _condition in conditions]
        for row in _run([stretch for _number, stretch in asked], queries, columns) if asked else ():
            found[asked[row.pop("_query")][0]].append(row)
        return [rows[:limit] for rows in found]

    def first_of_parts(self, queryset, parts, columns, limit) -> list[dict]:
        """Return, in the list's order, the first rows of each part: of all that hold the same in the columns `parts`.

        For parts that no index gives: goes through all rows of the queryset, but through each only once.
        """
        queries, carrying = [], self._carrying(queryset, columns)
        for stretch in self.stretches:
            nth = Window(RowNumber(), partition_by=[F(column) for column in parts], order_by=self._by(stretch))
            first = queryset.filter(stretch.q).annotate(_nth=nth).filter(_nth__lte=limit).values("pk")
            queries.append(carrying.filter(stretch.q, pk__in=first).order_by(*self._by(stretch)))
        return _run(self.stretches, queries, columns)

    def place_of(self, queryset, pk) -> Cursor | None:
        """Return the place right at this record, or None if it is not in the list."""
        numbered: Any = Value(0)
        if self.stretches[0].q:
            numbered = Case(*(When(stretch.q, then=Value(n)) for n, stretch in enumerate(self.stretches)), default=Value(-1))
        keys = {f"_key{number}": key.expression for number, key in enumerate(self.keys)}
        row = queryset.filter(pk=pk).annotate(_stretch=numbered, **keys).values_list("_stretch", *keys).first()
        if row is None or row[0] < 0:
            return None
        stretch = self.stretches[row[0]]
        return Cursor(stretch.name, list(row[len(row) - len(stretch.keys) :]))

    def around(self, queryset, cursor) -> tuple[int | None, int | None]:
        """Return the ids of the records before and after a place."""
        before, after = (self.rows(queryset, ["pk"], 1, cursor, backwards) for backwards in (True, False))
        return (before[0]["pk"] if before else None), (after[0]["pk"] if after else None)

    def _carrying(self, queryset, columns):
        """Return the queryset with what a row carries, its columns and its keys: looked up once, however many parts are read of it."""
        keys = {f"_key{number}": key.expression for number, key in enumerate(self.keys)}
        return queryset.annotate(**keys).values_list(*columns, *keys)

    @staticmethod
    def _by(stretch, backwards=False):
        return [key.expression.desc() if key.descending != backwards else key.expression.asc() for key in stretch.keys]


def walked(queryset, shortly=False):
    """Return the queryset as one to walk through in a list's order: its alternatives (whose records one sees) tested on the way.

    `shortly` is for many short ways at once, as of a board's columns: whether what a record belongs to is among others is then asked of
    each record alone; else the database gathers those others for every single way.
    """
    queryset = queryset.all()
    where = queryset.query.where
    where.children = [
        Unindexed.create([_of_one(one) if shortly else one for one in child.children], child.connector, child.negated)
        if isinstance(child, WhereNode) and child.connector == OR
        else child
        for child in where.children
    ]
    return queryset


def _of_one(lookup):
    """Return *is in these others* as a question of the one record: its subquery looks for that alone."""
    if not isinstance(lookup, In) or not isinstance(lookup.rhs, Query):
        return lookup
    lookup = copy(lookup)
    lookup.rhs = lookup.rhs.clone()
    model = lookup.rhs.model._meta
    lookup.rhs.where.add(Exact(Col(lookup.rhs.get_initial_alias(), model.pk), lookup.lhs), AND)
    return lookup


def _run(stretches, queries, columns):
    """Return the rows of one or several queries as dicts, asked by one statement."""
    if len(queries) == 1:
        rows = [(0, *row) for row in queries[0]]
    else:
        # The ORM orders and limits no members of a union on SQLite; each is compiled by it and put together here.
        compiled = [(number, *compiled_or_none(query)) for number, query in enumerate(queries)]
        compiled = [one for one in compiled if one[2]]
        if not compiled:
            return []
        statement = " UNION ALL ".join(
            f"SELECT {number}, part{number}.* FROM ({sql}) part{number}"  # noqa: S608 (compiled by the ORM)
            for number, _compiler, sql, _params in compiled
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, [param for *_rest, params in compiled for param in params])
            raw = sorted(cursor.fetchall(), key=lambda row: row[0])
        plain = compiled[0][1].results_iter(results=[[row[1:] for row in raw]])
        rows = [(numbered[0], *row) for numbered, row in zip(raw, plain, strict=True)]
    width = len(columns)
    made = []
    for number, *values in rows:
        stretch, row = stretches[number], dict(zip(columns, values, strict=False))
        keys = values[width:]
        row["_query"] = number
        row["_cursor"] = Cursor(stretch.name, keys if stretch.own else keys[len(keys) - len(stretch.keys) :])
        made.append(row)
    return made


def compiled_or_none(queryset):
    """Return (compiler, statement, parameters) of a queryset; the statement is empty if no record can match."""
    compiler = queryset.query.get_compiler(connection=connection)
    try:
        return compiler, *compiler.as_sql()
    except EmptyResultSet:
        return compiler, "", ()


def _kind(field):
    kinds: list[tuple[type[Field], str]] = [(Day, "day"), (Moment, "moment"), (Number, "number")]
    return next((kind for of, kind in kinds if isinstance(field, of)), "text")


def _further(field, descending, asking) -> list[Key]:
    """Return the keys of a field that only decides where those before it are equal."""
    if (parts := field.parts(asking)) is not None:
        valued = [part for part in parts if part.key]
        ordered = reversed(valued) if descending else valued
        place = Case(*(When(part.q, then=Value(n)) for n, part in enumerate(ordered)), default=Value(len(valued)))
        return [Key(place, False, "number")]
    column: Any = F(field.sort)
    if isinstance(field, Day) and not field.required:
        column = Coalesce(column, Value(NEVER.date(), output_field=DateField()))
    elif isinstance(field, Moment) and not field.required:
        column = Coalesce(column, Value(NEVER, output_field=DateTimeField()))
    elif isinstance(field, Number) and not field.required:
        column = Coalesce(column, Value(0))
    key = Key(column, descending, _kind(field))
    if (filled := field.filled()) is None:
        return [key]
    return [Key(Case(When(filled[1], then=Value(1)), default=Value(0)), False, "number"), key]


def _behind(keys, values, backwards) -> Q:
    """Return the condition for the rows behind (or before) these values."""
    expressions = [key.expression for key in keys]
    bound = [Value(value, output_field=_TYPES[key.kind]) for key, value in zip(keys, values, strict=True)]
    if len({key.descending for key in keys}) == 1:
        test = LessThan if keys[0].descending != backwards else GreaterThan
        if len(keys) == 1:
            return Q(test(expressions[0], bound[0]))
        return Q(test(Row(*expressions), Row(*bound)))
    condition, equal = Q(pk__in=[]), Q()
    for key, value in zip(keys, bound, strict=True):
        test = LessThan if key.descending != backwards else GreaterThan
        condition |= equal & Q(test(key.expression, value))
        equal &= Q(Exact(key.expression, value))
    # Follows from the rest, but only this lets an index begin at the right place.
    guard = LessThanOrEqual if keys[0].descending != backwards else GreaterThanOrEqual
    return condition & Q(guard(expressions[0], bound[0]))
