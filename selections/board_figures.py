"""What a board's columns hold: how many cards, what they add up to, for how many days half of them have been there (B2).

One statement counts all of them. Up to AT_ONCE records it is part of the page; beyond, the page shows its cards first, and asks for the
figures then (settled 15): they are exact either way, and the page is as quick with a million records as with a thousand.
"""

import datetime
from dataclasses import dataclass

from django.db import connection
from django.db.models import F
from django.utils import timezone

from crm.database import median
from crm.tables.order import Unordered, compiled_or_none

AT_ONCE = 2_000


@dataclass
class Figure:
    """What one cell, or one column, holds; `since` is the moment before which half of its cards came."""

    count: int = 0
    sum: int = 0
    since: datetime.datetime | None = None


def figures(board, most: int | None = None) -> dict[tuple[str, str], Figure] | None:
    """Return what each cell holds by (column, row), those without cards left out; None if there are more records than `most`.

    `since` is that of whole columns, at the row "", where the board tells it.
    """
    if board.errors:
        return {}
    places = board.place_columns
    rows = _grouped(board, places, most)
    if rows is None:
        return None
    found: dict[tuple[str, str], Figure] = {}
    for values, count, total, since in rows:
        figure = found.setdefault(board.key_of(dict(zip(places, values, strict=True))), Figure())
        figure.count, figure.sum, figure.since = figure.count + count, figure.sum + int(total or 0), since
    if board.rows_by and board.tells_days:
        columns = board.by.part_columns
        for values, _count, _total, since in _grouped(board, columns, None) or ():
            found.setdefault((board.column_of(dict(zip(columns, values, strict=True))), ""), Figure()).since = since
    return found


def _grouped(board, columns, most):
    """Return (values of these columns, count, sum, median) of each combination; None if there are more records than `most`."""
    measures = {"total": F(board.summed_by.sum)} if board.summed_by else {}
    if board.tells_days:
        measures["since"] = F(board.face.since)
    # All of them: SQLite must not follow an index, and leap to every single record from there.
    asked = {
        f"by{number}": F(board.place(column)) if most else Unordered(board.place(column)) for number, column in enumerate(columns)
    }
    asked |= measures
    inner = board.on_board.order_by().annotate(**{f"_{name}": value for name, value in asked.items()})
    inner = inner.values_list(*(f"_{name}" for name in asked))
    _compiler, sql, params = compiled_or_none(inner[: most + 1] if most else inner)
    if not sql:
        return []
    quote = connection.ops.quote_name
    by = ", ".join(quote(f"_by{number}") for number in range(len(columns)))
    total = f"SUM({quote('_total')})" if board.summed_by else "0"
    since = median(quote("_since")) if board.tells_days else "NULL"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {by}, COUNT(*), {total}, {since} FROM ({sql}) part GROUP BY {by}", params)  # noqa: S608 (compiled)
        rows = [(row[: len(columns)], row[-3], row[-2], _moment(row[-1])) for row in cursor.fetchall()]
    return None if most and sum(row[1] for row in rows) > most else rows


def _moment(value):
    """Return a moment as the one database hands it out, and the other writes it."""
    if not isinstance(value, str):
        return value
    moment = datetime.datetime.fromisoformat(value)
    return moment if timezone.is_aware(moment) else moment.replace(tzinfo=datetime.UTC)


def of_columns(found) -> dict[str, Figure]:
    """Return the figures of whole columns, all rows of each together."""
    columns: dict[str, Figure] = {}
    for (column, row), figure in found.items():
        whole = columns.setdefault(column, Figure())
        whole.count, whole.sum = whole.count + figure.count, whole.sum + figure.sum
        if row == "" and figure.since:
            whole.since = figure.since
    return columns
