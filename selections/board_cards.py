"""The cards of a board: what each shows (B4), and the first ones of every column by one statement, more of one by keyset (B2)."""

import datetime
import json
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import ngettext

from crm import access
from crm.models import NEVER
from crm.tables.order import Cursor
from crm.web import formats

MOST_WALKED = 12  # cells of a day in the past that are each read in order until they are full


@dataclass(frozen=True)
class Card:
    """One record as its card shows it: all in words, so that the template only puts them in their places."""

    pk: int
    url: str
    name: str
    column: str
    row: str
    below: str
    owner: Any
    due: str
    overdue: bool
    due_title: str
    reason: str
    days: str
    stale: str
    lines: list[tuple[str, Any, bool]]  # label, text, whether it is overdue
    key: str
    fixed: bool


@dataclass
class Cell:
    """The cards of one column, or of the part of it in one row; `more` is where to go on, if there are more."""

    column: Any
    row: Any
    cards: list[Card] = field(default_factory=list)
    more: str = ""


def paths(board) -> list[str]:
    """Return the columns a row must carry for its card, each once."""
    fields = board.record.fields
    needed = [
        fields[board.record.default_sort],
        fields[board.face.below],
        fields["owner"],
        fields["next_activity_at"],
        *board.shown,
    ]
    listed = ["pk", *(path for one in needed for path in one.columns), *(board.place(column) for column in board.place_columns)]
    if board.face.since:
        listed += [board.face.since, "lead_status_id", "disqualify_reason_id"]
    return list(dict.fromkeys(listed))


def cells(board) -> dict[tuple[str, str], Cell]:
    """Return all cells with their first cards, by (column, row)."""
    found = {(column.key, row.key): Cell(column, row) for row in board.rows_shown for column in board.columns_shown}
    if board.errors:
        return found
    # What is empty need not be asked: a column without cards is the one that takes longest.
    wanted = [key for key in found if (board.figures is None or key in board.figures) and key[0] not in board.folded]
    if board.day and len(wanted) > MOST_WALKED:
        # No index gives the cells of a day in the past.
        listed = _sorted_into(board, wanted)
    else:
        conditions = [board.q_of(found[key].column.q) & board.q_of(found[key].row.q) for key in wanted]
        listed = board.order.first_of_each(board.read_from, conditions, paths(board), board.per_cell + 1)
    made = cards(board, [row for rows in listed for row in rows[: board.per_cell]])
    start = 0
    for key, rows in zip(wanted, listed, strict=True):
        count = min(len(rows), board.per_cell)
        found[key].cards = made[start : start + count]
        found[key].more = str(rows[count - 1]["_cursor"]) if len(rows) > count else ""
        start += count
    return found


def _sorted_into(board, wanted):
    """Return the first rows of these cells, by one way through all records."""
    found: dict[tuple[str, str], list[dict]] = {key: [] for key in wanted}
    places = {column: board.place(column) for column in board.place_columns}
    for row in board.order.first_of_parts(board.read_from, list(places.values()), paths(board), board.per_cell + 1):
        key = board.key_of({column: row[place] for column, place in places.items()})
        if key in found and len(found[key]) <= board.per_cell:  # values that share a cell each bring their first
            found[key].append(row)
    return list(found.values())


def more(board, column, row, text) -> Cell:
    """Return the cards behind a place in a cell; raise ValidationError for a place that is none."""
    cursor = board.order.read(text) if text else None
    if board.errors:
        raise ValidationError(list(board.errors.values()))
    records = board.read_from.filter(board.q_of(column.q), board.q_of(row.q))
    rows = board.order.rows(records, paths(board), board.per_cell + 1, cursor)
    last = rows[board.per_cell - 1]["_cursor"] if len(rows) > board.per_cell else ""
    return Cell(column, row, cards(board, rows[: board.per_cell]), str(last))


def some(board, ids) -> list[Card]:
    """Return the cards of these records, as far as they are on the board."""
    if board.errors or not ids:
        return []
    # Of few records nothing needs to be walked in order.
    keys = {f"_key{number}": key.expression for number, key in enumerate(board.order.keys)}
    rows = []
    columns = paths(board)
    for stretch in board.order.stretches:
        for row in board.on_board.filter(stretch.q, pk__in=ids).annotate(**keys).values_list(*columns, *keys):
            made = dict(zip(columns, row, strict=False))
            values = list(row[len(columns) :])
            made["_cursor"] = Cursor(stretch.name, values if stretch.own else values[len(values) - len(stretch.keys) :])
            rows.append(made)
    return cards(board, rows)


def cards(board, rows) -> list[Card]:
    """Return the cards of rows that carry `paths`; what a field needs beside its own columns is loaded once for all of them."""
    if not rows:
        return []
    asking, fields = board.asking, board.record.fields
    name, below, due, owner = (
        fields[board.record.default_sort],
        fields[board.face.below],
        fields["next_activity_at"],
        fields["owner"],
    )
    ids = [row["pk"] for row in rows]
    loaded = {one.name: one.load(ids, asking) for one in board.shown if one.load and one.loads_text}
    editable = _editable(board, ids)
    base = reverse(board.record.card_url, args=[0]).removesuffix("0/")
    ranks = {stretch.name: number for number, stretch in enumerate(board.order.stretches)}
    today = timezone.localdate()
    made = []
    for row in rows:
        pk = row["pk"]
        placed = {column: row[board.place(column)] for column in board.place_columns}
        column, lane = board.key_of(placed)
        when = due.cell(row, asking)
        days, stale = _days(board, row, today)
        lines = []
        for one in board.shown:
            cell = one.cell(row, asking)
            text = loaded[one.name].get(pk, "") if one.name in loaded else cell.text
            if text:
                lines.append((str(one.label), text, cell.kind == "due" and cell.data.get("overdue", False)))
        # Why a lead is disqualified stands where nothing is planned.
        because = None if when.text else row.get("disqualify_reason_id")
        reason = asking.items("leads.DisqualifyReason").get(because) if because else None
        made.append(
            Card(pk, f"{base}{pk}/", name.text(row, asking), column, lane, below.text(row, asking), _owner(owner.cell(row, asking)),
                 when.text, when.data.get("overdue", False), when.title, reason.label if reason else "", days, stale, lines,
                 _key(row["_cursor"], ranks), editable is not None and pk not in editable)
        )  # fmt: skip
    return made


def _owner(cell):
    return {**cell.data, "name": cell.text} if cell.data else None


def _editable(board, ids):
    """Return those of the ids this user may change, or None if that is all of them."""
    role = board.user.role
    if role.edit in {role.see, "all"}:
        return None
    records = board.queryset.model.objects.filter(pk__in=ids)
    return set(access.editable(records, board.user).values_list("pk", flat=True))


def _days(board, row, today) -> tuple[str, str]:
    """Return for how many days a card has stood in its column, and what is said of it if that is too long."""
    since = row.get(board.face.since) if board.face.since and board.tells_days else None
    if since is None:
        return "", ""
    days = max(0, (today - timezone.localtime(since).date()).days)
    status = board.asking.items("leads.LeadStatus").get(row["lead_status_id"])
    limit = status.stale_after if status else None
    text = formats.day_count(since)
    if limit is None or days <= limit:
        return text, ""
    return text, ngettext("Stale: for more than %(days)s day in this status", "Stale: for more than %(days)s days in this status",
                          limit) % {"days": formats.number(limit)}  # fmt: skip


def _key(cursor, ranks) -> str:
    """Return what a card is ordered by, for the page to put one that comes later in its place."""
    plain = []
    for value in cursor.values:
        if isinstance(value, datetime.datetime):
            value = "~" if value == NEVER else value.astimezone(datetime.UTC).isoformat()
        elif isinstance(value, datetime.date):
            value = value.isoformat()
        plain.append(value)
    return json.dumps([ranks.get(cursor.stretch, 0), *plain], ensure_ascii=False, separators=(",", ":"))


def directions(board) -> str:
    """Return which way each part of a card's key counts: 1 up, -1 down."""
    keys = board.order.keys
    return json.dumps([1, *(-1 if key.descending else 1 for key in keys)])
