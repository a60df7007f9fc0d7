"""The board: records as cards in columns, by any list field of the catalogue (B1–B5).

A `Board` is a list's state (`crm.tables.Table`: filters, criteria, chips, what a user chose) with columns instead of rows. It asks
three statements, however many records there are: what the columns hold (`board_figures`), their first cards (`board_cards`), and
whatever lists their words come from.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import criteria
from crm.fields import Cell, Field, Part, UserChoice
from crm.models import TableSetting, User
from crm.records import RecordType
from crm.tables.counts import COUNT_UP_TO, capped
from crm.tables.order import Order
from crm.tables.table import Table
from selections.board_figures import AT_ONCE, figures
from selections.board_then import Then, day_of, rewritten

PER_CELL = 25
PER_CELL_IN_ROWS = 10  # of a board with rows
MOST_COLUMNS = 40  # of a field with more values only those are shown that have cards
MOST_ROWS = 30
MOST_LIMIT = 9_999
#: Parameters of a board beside those of a list: what stands in columns and rows, what is added up, which fields the cards show, which
#: columns are hidden, the words of the title, the day of a replay.
PARAMS = ("by", "rows", "sum", "show", "hide", "title", "day")
#: What those are called that can be given wrongly.
CALLED = {"by": gettext_lazy("Columns"), "rows": gettext_lazy("Rows"), "day": gettext_lazy("Day"), "sum": gettext_lazy("Add up")}
NOTHING = "-"  # the key of those without a value, in an address and on the page


@dataclass(frozen=True)
class Face:
    """How the cards of a record type begin: what stands in columns, the order, the line below the name, further fields, what is added up.

    `since` is the column that tells since when a card stands in its column, where that is `by`.
    """

    by: str
    sort: str
    below: str
    show: tuple[str, ...] = ()
    sum: str = ""
    since: str = ""
    sums: tuple[str, ...] = ()


FACES = {
    "person": Face("lead_status", "next_activity_at", "company", since="lead_status_since"),
    "company": Face("category", "next_activity_at", "city"),
    "sale": Face(
        "stage", "expected_on", "company", ("amount", "expected_on"), "base_amount", sums=("base_amount", "weighted_amount")
    ),
}


@dataclass(frozen=True)
class Column:
    """One column, or one row of them: the records that share a value. `refuses` says why no card can be moved here, if so."""

    key: str
    label: str
    q: Q
    colour: str = ""
    title: str = ""
    cell: Cell | None = None
    refuses: str = ""
    is_open: bool = True  # whether it is there even without cards
    limit: int = 0
    item: Any = None


class Board(Table):
    """One board, as one user asks for it now; `general` names the user's settings for all boards of its record type.

    `of_leads` boards show leads only, whatever stands in their columns.
    """

    def __init__(self, record: RecordType, queryset, user, query, *, by="", of_leads=False, **how):
        self.face = FACES[record.name]
        self.first_by, self.of_leads = by or self.face.by, of_leads
        super().__init__(record, queryset, user, query, **{**how, "toggles": (*how.get("toggles", ()), *PARAMS)})
        self.by = self._chosen("by", self.first_by, _("This field cannot be used for the columns of a board."))
        self.rows_by = self._chosen("rows", "", _("This field cannot be used for the rows of a board."))
        if self.rows_by is self.by:
            self.rows_by = None
        self.title = self.state.get("title", "").strip()[:100]
        if self.title:
            self.lines.append(criteria.line(record, self.named_by.name, "contains", self.title, self.asking))
        self.day = self._read_day()

    walks_shortly = True

    @property
    def named_by(self) -> Field:
        """The field that says what a record is called: the search on the board asks it."""
        return self.record.fields[self.record.default_sort]

    # --- State --------------------------------------------------------------------------------------------------------

    def _fields_named(self):
        """Yield the fields that take part: what they need is fetched by one statement, before anything is read."""
        names = {self._word("by", self.first_by), self._word("rows"), self.face.below, "owner"}
        names.update(self._names_in("show") or self.face.show)
        params = {name for name, _value in self.filters} | {name.rpartition("__")[0] for name, _value in self.filters}
        if self.face.since:
            names |= {"lead_status", "disqualify_reason"}
        return [field for field in self.record.fields.values() if field.name in names or field.param in params]

    @property
    def general(self):
        return f"board-{self.record.name}"

    @cached_property
    def kept(self) -> dict[str, dict]:
        """What this user has chosen: for boards of this record type, and for this one alone."""
        rows = TableSetting.objects.filter(user=self.user, table__in=[self.general, self.key]).values_list("table", "state")
        return {table: state for table, state in rows if isinstance(state, dict)}

    @cached_property
    def saved(self) -> dict:
        return self.kept.get(self.key) or self.kept.get(self.general) or {}

    def called(self, param) -> str:
        return str(CALLED[param]) if param in CALLED else super().called(param)

    @property
    def is_own(self) -> bool:
        """Whether the settings that count are those of this board alone (B5)."""
        return bool(self.kept.get(self.key))

    def _word(self, name, default=""):
        """Return a setting that is one word: the address's, else the user's own."""
        given = self.state.get(name)
        if given is None:
            given = self.saved.get(name)
        return given if isinstance(given, str) else default

    def _names_in(self, name) -> list[str] | None:
        if name in self.state:
            return [part for part in self.state[name].split(",") if part]
        found = self.saved.get(name)
        return [str(part) for part in found] if isinstance(found, list) else None

    def _chosen(self, param, default, message) -> Field | None:
        name = self._word(param, default)
        field = self.record.fields.get(name)
        if field is not None and field.group:
            return field
        if name and param in self.state:
            self.errors[param] = message
        return self.record.fields.get(default)

    @cached_property
    def sortable(self) -> list[Field]:
        """The fields cards can be ordered by: what has an order of its own."""
        return [field for field in self.record.fields.values() if field.sort and not field.lists and not field.group]

    def _sort(self):
        usable = {field.name for field in self.sortable}
        message = _("A board cannot be sorted by “%(name)s”.")
        found = self._fields("sort", lambda field: field.name in usable, message)
        return found[:1] or [(self.record.fields[self.face.sort], False)]

    @cached_property
    def order(self) -> Order:
        return Order(self.sort, self.asking, self._present)

    @cached_property
    def shown(self) -> list[Field]:
        """The fields that cards show below the name."""
        names = self._names_in("show")
        chosen = self.face.show if names is None else names
        return [self.record.fields[name] for name in chosen if name in self.record.fields and name != self.record.default_sort][
            :8
        ]

    @cached_property
    def summed_by(self) -> Field | None:
        """The field that is added up in each column's head."""
        name = self._word("sum", self.face.sum)
        field = self.record.fields.get(name)
        if name and name != NOTHING and (field is None or not field.sum):
            if "sum" in self.state:
                self.errors["sum"] = _("This cannot be added up.")
            return None
        return field if field is not None and field.sum else None

    @property
    def summable(self) -> list[Field]:
        return [self.record.fields[name] for name in self.face.sums]

    @cached_property
    def hidden(self) -> set[str]:
        """The keys of the columns that are not shown, of the field that stands in columns."""
        if "hide" in self.state:
            return set(self.state["hide"].split(",")) - {""}
        kept = self.saved.get("hidden")
        found = kept.get(self.by.name) if isinstance(kept, dict) else None
        return {str(key) for key in found} if isinstance(found, list) else set()

    def _kept_of_by(self, name) -> Any:
        kept = self.saved.get(name)
        return kept.get(self.by.name) if isinstance(kept, dict) else None

    @cached_property
    def folded(self) -> set[str]:
        found = self._kept_of_by("folded")
        return {str(key) for key in found} if isinstance(found, list) else set()

    @cached_property
    def limits(self) -> dict[str, int]:
        """How many cards a column should hold at most: more are shown, with a warning."""
        found = self._kept_of_by("limits")
        found = found if isinstance(found, dict) else {}
        return {key: limit for key, limit in found.items() if isinstance(limit, int) and 0 < limit <= MOST_LIMIT}

    # --- Columns and rows ---------------------------------------------------------------------------------------------

    @property
    def only_leads(self) -> bool:
        """Whether columns or rows are lead statuses: then it shows those to whom one applies (settled 1)."""
        return self.of_leads or any("lead_status_id" in field.part_columns for field in (self.by, self.rows_by) if field)

    @cached_property
    def on_board(self):
        """The records that have cards; of a day in the past with what they held then."""
        return self._placed(self.matching)

    @cached_property
    def without_status(self) -> str:
        """Return in words how many records have no lead status, and so no card (settled 1), or nothing. To find none may be to look at all:
        where the figures come after the cards, this comes with them."""
        if self.of_leads or not self.only_leads or self.errors or self.day:
            return ""
        count = self.matching.filter(is_lead=False).order_by().values("pk")[: COUNT_UP_TO + 1].count()
        return _("%(count)s without lead status") % {"count": capped(count, COUNT_UP_TO)} if count else ""

    @cached_property
    def read_from(self):
        """The same, as they are best read in order (see Table)."""
        if self.day is None and self._few is not None:
            return self._placed(self.queryset.model.objects.filter(pk__in=self._few))
        return self._placed(self.listed)

    def _placed(self, records):
        if self.then:
            records = self.then.records(records, self.place_columns)
        return records.filter(self.q_of(Q(is_lead=True))) if self.only_leads else records

    @cached_property
    def then(self) -> Then | None:
        return Then(self.queryset.model, self.day, self.asking) if self.day else None

    def q_of(self, q) -> Q:
        """Return the condition of a part as it is asked of `on_board`."""
        return rewritten(q, self.place_columns) if self.day else q

    def place(self, column):
        """Return where a column's value stands in a row of `on_board`."""
        return f"_then_{column}" if self.day else column

    @property
    def tells_days(self) -> bool:
        """Whether it is known since when a card stands in its column."""
        return bool(self.face.since) and self.by.name == self.face.by and self.day is None

    def parts_of(self, field) -> list[Column]:
        """Return all columns a field can have, those of deleted values among them."""
        items = {str(item.pk): item for item in field.options(self.asking)} if hasattr(field, "options") else {}
        found, fixed = [], fixed_because(self.record, field)
        for part in field.parts(self.asking) or ():
            if not part.key and "lead_status_id" in field.part_columns:
                continue  # those without a lead status have no card
            found.append(self._column(field, part, items.get(part.key), fixed))
        return found

    def _column(self, field, part: Part, item, fixed):
        gone = bool(getattr(item, "deleted_at", None)) or (isinstance(item, User) and not item.is_active)
        nothing = not part.key
        refuses = fixed
        if gone:
            refuses = refuses or _("This value was deleted; no card can be moved here.")
        if nothing and not may_be_empty(self.record, field):
            refuses = refuses or _("This field cannot be empty.")
        return Column(
            part.key or NOTHING, part.cell.text, part.q, getattr(item, "colour", "") or part.cell.data.get("colour", ""),
            part.cell.title if not isinstance(item, User) else "", part.cell, refuses, not gone and not (nothing and refuses),
            self.limits.get(part.key or NOTHING, 0) if field is self.by else 0, item,
        )  # fmt: skip

    @cached_property
    def every_column(self) -> list[Column]:
        return self.parts_of(self.by)

    @cached_property
    def columns_shown(self) -> list[Column]:
        return [column for column in self._there(self.every_column, 0, MOST_COLUMNS) if column.key not in self.hidden]

    @cached_property
    def left_out(self) -> int:
        """How many columns somebody hid: their cards count, but are not to be seen."""
        return sum(column.key in self.hidden for column in self._there(self.every_column, 0, MOST_COLUMNS))

    @cached_property
    def every_row(self) -> list[Column]:
        return self.parts_of(self.rows_by) if self.rows_by else [WHOLE]

    @cached_property
    def rows_shown(self) -> list[Column]:
        return self._there(self.every_row, 1, MOST_ROWS) if self.rows_by else [WHOLE]

    def _there(self, columns, place, most):
        """Return those of the columns (or rows) that are shown: of a field with very many values only those with cards."""
        few = len(columns) <= most
        filled = {cell[place] for cell, figure in self.figures.items() if figure.count} if self.figures else set()
        if self.figures is None:
            return [column for column in columns if few and column.is_open][:most]
        return [column for column in columns if column.key in filled or (few and column.is_open)][
            : max(most, len(columns) if few else 0)
        ]

    @cached_property
    def figures(self):
        """What each cell holds, by (column, row); None if that takes longer than a page should wait (settled 15)."""
        return figures(self, AT_ONCE)

    def column(self, key) -> Column | None:
        return next((one for one in self.every_column if one.key == key), None)

    def row(self, key) -> Column | None:
        return next((one for one in self.every_row if one.key == key), None)

    def key_of(self, row: dict) -> tuple[str, str]:
        """Return the column and the row a record belongs to, by its values of `place_columns`."""
        return self.column_of(row), self.row_of(row)

    def column_of(self, row) -> str:
        return self.by.part_key(row, self.asking) or NOTHING

    def row_of(self, row) -> str:
        return (self.rows_by.part_key(row, self.asking) or NOTHING) if self.rows_by else ""

    @property
    def place_columns(self) -> tuple[str, ...]:
        rows = self.rows_by.part_columns if self.rows_by else ()
        return tuple(dict.fromkeys((*self.by.part_columns, *rows, *(("is_lead",) if self.only_leads else ()))))

    @property
    def per_cell(self) -> int:
        return PER_CELL_IN_ROWS if self.rows_by else PER_CELL

    # --- What may be done ---------------------------------------------------------------------------------------------

    def _read_day(self):
        """Return the day whose end the board shows, or None for the board as it is."""
        text = self.state.get("day", "")
        day = day_of(text, self.asking) if text else None
        if text and day is None:
            self.errors["day"] = _("Enter a day in the past, for example 2026-01-31.")
        return day

    @property
    def may_move(self) -> bool:
        return self.user.role.edit != "none" and self.day is None

    @property
    def moves_columns(self) -> bool:
        return self.may_move and not fixed_because(self.record, self.by)

    @property
    def moves_rows(self) -> bool:
        return self.may_move and self.rows_by is not None and not fixed_because(self.record, self.rows_by)


WHOLE = Column("", "", Q())


def fixed_because(record, field) -> str:
    """Return why a field's value cannot be changed on a board, or nothing where it can."""
    if field.edit:
        return ""
    return str(_FIXED.get((record.name, field.name), _("This field cannot be changed here."))) % {"name": field.label}


_FIXED = {
    ("person", "category"): gettext_lazy("The category is the company's; change it there."),
    ("person", "category_group"): gettext_lazy("The category group follows from the category of the company."),
    ("person", "country"): gettext_lazy("The country is the company's; change it there."),
    ("person", "lead_status_applies"): gettext_lazy("Whether a lead status applies follows from the category."),
    ("company", "category_group"): gettext_lazy("The category group follows from the category."),
}


def may_be_empty(record, field) -> bool:
    """Tell whether a record may be without a value of this field."""
    if isinstance(field, UserChoice):
        return True
    try:
        described = record.model._meta.get_field(field.edit or field.column.removesuffix("_id"))
    except FieldDoesNotExist:
        return False
    return bool(described.null or (described.blank and not described.is_relation))
