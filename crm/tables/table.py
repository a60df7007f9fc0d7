"""A list of records: its state from the URL and the user's own settings, its rows, its groups.

The URL holds the state (U4): `?lead_status=2&sort=-name,company&group=owner&cols=name,company`. What it does not say comes from the
user's settings, then from the catalogue. A parameter nobody understands is an error that shows no rows: it never widens the
answer.
"""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Count, Sum
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from crm import criteria
from crm.criteria.words import sentence
from crm.database import distinct, is_indexed
from crm.fields import Asking, Cell, Choice, Field, Link, Part
from crm.models import TableSetting
from crm.records import RecordType
from crm.tables.order import MANY, Cursor, Order, Unordered, compiled_or_none, walked
from crm.web import formats

PER_PAGE = 50
PER = (25, 50, 100, 200)
COUNT_UP_TO = 10_000  # beyond, the footer says 10,000+ and counts exactly when asked (settled 15)
FEW = 1_000  # a page counts no further, and gathers and sorts no more; more are counted after it, and found by walking in order
COUNT_GROUPS_UP_TO = 1_000  # each, once there are more than COUNT_UP_TO in all
MAX_SORT = 3
MAX_GROUPS = 3
#: Parameters that are no filters. `in` is a group's place, `all` says that the list's own filters were taken off.
STATE = ("criteria", "cols", "sort", "group", "per", "all", "after", "before", "in")
#: Widths of columns in pixels, by the kind of their field.
WIDTHS = {"text": 170, "link": 180, "choice": 138, "user": 118, "yesno": 110, "number": 110, "date": 152}
NOTHING = "-"  # the key of those without a value, in the place of a group


@dataclass(frozen=True)
class Row:
    """One record as a list shows it."""

    pk: int
    url: str
    name: str
    cells: list[Cell]


@dataclass(frozen=True)
class Group:
    """Records that share a value: `path` is its place, as in `3/-`."""

    path: str
    cell: Cell
    count: str
    level: int
    label: str
    sums: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Chip:
    """One filter that is on."""

    label: str
    value: str
    remove_url: str
    field: str = ""
    param: str = ""
    error: bool = False


def capped(count, cap):
    """Return a count in words; one beyond the cap is marked as such (settled 15)."""
    return f"{formats.number(cap)}+" if count > cap else formats.number(count)


class Table:
    """One list, as one user asks for it now.

    `queryset` is what this user may see; `query` the URL's parameters; `key` names the user's settings; `preset` is the query
    string of filters that are on until others are chosen; `toggles` are further parameters of the page's own; `order` is the sorting
    until another is chosen, `columns` are the names of those shown until others are, the catalogue's if none are given.
    """

    def __init__(
        self,
        record: RecordType,
        queryset,
        user,
        query,
        *,
        key,
        url,
        preset="",
        toggles=(),
        card_query="",
        order="",
        columns=(),
        group="",
    ):
        self.record, self.queryset, self.user, self.key, self.url = record, queryset, user, key, url
        self.toggles, self.card_query, self.preset = tuple(toggles), card_query, preset
        self.own_order, self.own_group = order.split(",") if order else [], group.split(",") if group else []
        self.default_columns = tuple(columns) or tuple(record.default_columns())
        self.asking = Asking(user)
        self.cap = COUNT_UP_TO
        self.state = {name: query[name] for name in (*STATE, *self.toggles) if name in query}
        self.filters = [(name, value) for name in query if name not in (*STATE, *self.toggles) for value in query.getlist(name)]
        if not self.filters and "all" not in self.state and preset:
            self.filters = list(QueryDict(preset).items())
        self.asking.load(label for field in self._fields_named() for label in field.lists)
        asked = QueryDict(mutable=True)
        for name, value in self.filters:
            asked.appendlist(name, value)
        self.lines, self.errors = criteria.from_query(record, asked, self.asking)
        self.tree = self._tree()
        self.columns = self._columns()
        self.groups_by = self._groups_by()
        self.sort = self._sort()
        self.per = self._per()
        self.path = self._path()

    def _fields_named(self):
        """Yield the fields that take part in any way: what they need is fetched before anything is read."""
        names = {str(name).removeprefix("-") for param in ("cols", "sort", "group") for name in self._names(param)[0]}
        if not self._names("cols")[0]:
            names.update(self.default_columns)
        params = {name for name, _value in self.filters} | {name.rpartition("__")[0] for name, _value in self.filters}
        return [field for field in self.record.fields.values() if field.name in names or field.param in params]

    # --- State ------------------------------------------------------------------------------------------------------------

    @cached_property
    def saved(self) -> dict:
        """What this user has chosen for this list."""
        state = TableSetting.objects.filter(user=self.user, table=self.key).values_list("state", flat=True).first()
        return state if isinstance(state, dict) else {}

    def _tree(self) -> criteria.Set | None:
        """Return the criteria of the URL, beside its filters; what is wrong with them is an error, with its places."""
        if "criteria" not in self.state:
            return None
        try:
            return criteria.parse(self.record, criteria.loads(self.state["criteria"]), self.asking)
        except criteria.CriteriaError as error:
            self.errors["criteria"] = " ".join(error.told)
            return None

    def _names(self, param):
        """Return (names, whether the URL gives them) of a parameter that lists fields."""
        if param in self.state:
            return [name for name in self.state[param].split(",") if name], True
        saved = self.saved.get({"cols": "columns"}.get(param, param))
        chosen = saved if isinstance(saved, list) else []
        if saved is None or (param == "sort" and not chosen):
            return {"sort": self.own_order, "group": self.own_group}.get(param, []), False
        return chosen, False

    def _fields(self, param, usable, message):
        """Return (field, descending) of a parameter; one that cannot be is an error if the URL says so, else left out."""
        names, given = self._names(param)
        found: dict[str, tuple[Field, bool]] = {}
        for name in names:
            field = self.record.fields.get(str(name).removeprefix("-"))
            if field is None or not usable(field):
                if given:
                    what = field.label if field else str(name)[:60]
                    self.errors[param] = message % {"name": what}
            else:
                found.setdefault(field.name, (field, str(name).startswith("-")))
        return list(found.values())

    def _columns(self):
        """The fields shown; the record's name, which leads to its card, is always among them."""
        found = [field for field, _desc in self._fields("cols", lambda field: True, _("There is no column “%(name)s”."))]
        title = self.record.fields[self.record.default_sort]
        if not found:
            return [self.record.fields[name] for name in self.default_columns]
        return found if title in found else [title, *found]

    def _sort(self):
        found = self._fields("sort", lambda field: bool(field.sort), _("This list cannot be sorted by “%(name)s”."))
        return found[:MAX_SORT] or [(self.record.fields[self.record.first_sort or self.record.default_sort], False)]

    def _groups_by(self):
        found = self._fields("group", lambda field: field.group, _("This list cannot be grouped by “%(name)s”."))
        return [field for field, _desc in found[:MAX_GROUPS]]

    def _per(self):
        given = self.state.get("per", str(PER_PAGE))
        if given not in map(str, PER):
            self.errors["per"] = _("A page has %(numbers)s rows.") % {"numbers": ", ".join(map(str, PER))}
            return PER_PAGE
        return int(given)

    def _path(self) -> list[Part]:
        """The parts of the group that is asked for, from the outermost in."""
        found = []
        keys = self.state.get("in", "").split("/") if self.state.get("in") else []
        for field, key in zip(self.groups_by, keys, strict=False):
            parts = {part.key or NOTHING: part for part in field.parts(self.asking) or ()}
            if key in parts:
                found.append(parts[key])
        if len(found) != len(keys):
            self.errors["in"] = _("This group does not exist.")
        return found

    @cached_property
    def order(self) -> Order:
        # A group's rows stand together, so that one can walk through the whole list from card to card.
        levels = {field.name: False for field in self.groups_by[len(self.path) :]}
        for field, descending in self.sort:
            levels.setdefault(field.name, descending)
        fields = self.record.fields
        if fields[next(iter(levels))].parts(self.asking) is not None:
            levels.setdefault(self.record.first_sort or self.record.default_sort, False)
        return Order([(fields[name], descending) for name, descending in levels.items()], self.asking, self._present)

    def _present(self, field) -> set[str]:
        """Return the values of a field that occur in the list, or, where an index tells them, in any record at all.

        Such an index is entered once for each value; to find the values of those that match would be to read them all.
        """
        model, name = self.queryset.model, field.column.removesuffix("_id")
        if (known := field.present(self.asking)) is not None:
            return known
        if is_indexed(model, name):
            return {str(value) for value in distinct(model, name)}
        return {str(value) for value in self.matching.order_by().values_list(field.column, flat=True).distinct()}

    # --- Addresses --------------------------------------------------------------------------------------------------------

    def query(self, filters=None, **changes) -> str:
        """Return the state as a query string, with these parameters changed (None takes one out). Paging starts over."""
        filters = self.filters if filters is None else filters
        state = {name: value for name, value in self.state.items() if name not in {"after", "before", "in", "all"}}
        for name, value in changes.items():
            state.pop(name, None)
            if value is not None:
                state[name] = value
        if not filters and self.preset:
            state["all"] = "1"
        return urlencode([*filters, *state.items()], safe=",/")

    def address(self, filters=None, **changes) -> str:
        query = self.query(filters, **changes)
        return f"{self.url}?{query}" if query else self.url

    @property
    def here(self) -> str:
        """The address of exactly this page of the list."""
        return self.address(**{name: self.state[name] for name in ("after", "before") if name in self.state})

    def sort_address(self, field, add=False) -> str:
        return self.address(sort=self.sort_param(field, add))

    def sort_param(self, field, add=False) -> str:
        """Return the sorting that a click on a column's head asks for: the other way round if it is sorted by it now."""
        levels = {one.name: descending for one, descending in self.sort}
        turned = levels.get(field.name) is False
        levels = {**levels, field.name: turned} if add else {field.name: turned}
        return ",".join(f"{'-' if descending else ''}{name}" for name, descending in list(levels.items())[-MAX_SORT:])

    def group_param(self, field) -> str:
        """Return the grouping with this field added, or without it if it is there."""
        names = [one.name for one in self.groups_by]
        return ",".join(
            [name for name in names if name != field.name] if field.name in names else [*names, field.name][-MAX_GROUPS:]
        )

    # --- Records ----------------------------------------------------------------------------------------------------------

    @cached_property
    def matching(self):
        """The records the filters leave; none where something is not understood."""
        if self.errors:
            return self.queryset.none()
        matching = self.queryset.filter(criteria.to_q(self.lines, self.asking)) if self.lines else self.queryset
        if self.tree:
            matching = matching.filter(criteria.to_q(self.tree, self.asking))
        for part in self.path:
            matching = matching.filter(part.q)
        return matching

    def question(self, scope=()) -> dict:
        """Return what the list asks, its filters and its criteria, as one tree; `scope` are lines of the list's own."""
        asked = [*scope, *(line.tree for line in self.lines)]
        return {"version": criteria.VERSION, "all": [*asked, self.tree.tree] if self.tree else asked}

    def count_as_page(self):
        """Count no further than a page does that does not wait: its totals follow it, if there are more (`is_unfinished`).

        Headings of groups say how many there are, so with them nothing comes later.
        """
        if not self.groups_by:
            self.cap = min(FEW, COUNT_UP_TO)

    @cached_property
    def count(self) -> int:
        """How many there are; one more than `cap` stands for *more*."""
        if self.cap <= FEW and self._gathered is not None:
            return len(self._gathered)
        if "_found" in vars(self) and self._whole and not self.path:  # known by the rows, where they were read
            return len(self.page)
        return self._counted["_count"]

    @property
    def count_text(self) -> str:
        return capped(self.count, self.cap)

    @property
    def is_capped(self) -> bool:
        return self.count > self.cap

    @property
    def is_unfinished(self) -> bool:
        """Whether more can be told than the page told: it counted up to FEW only, and there are more."""
        return self.is_capped and self.cap < COUNT_UP_TO

    def in_words(self, number) -> str:
        """Return how many of those counted are so, marked if not all were counted (settled 15)."""
        return f"{formats.number(min(number, self.cap))}{'+' if self.is_capped else ''}"

    def exact_count(self) -> int:
        return self.matching.order_by().count()

    @cached_property
    def summed(self) -> list[Field]:
        """The columns shown that are added up."""
        return [field for field in self.columns if field.sum]

    @cached_property
    def _counted(self) -> dict:
        return self._count()

    def _count(self, columns=(), **further) -> dict:
        some = self.matching.order_by().values("pk", *columns, *{field.sum for field in self.summed})[: self.cap + 1]
        return some.aggregate(_count=Count("pk"), **self._sums(), **further)

    def count_with(self, columns, **further) -> dict:
        """Return further aggregates over these columns of as many records as are counted; how many there are and what they add
        up to becomes known by the same statement."""
        self._counted = self._count(columns, **further)
        self.count = self._counted["_count"]
        return self._counted

    @cached_property
    def sums(self) -> list[tuple[str, str]]:
        """What all matching records add up to, by column, where all were counted."""
        return self._sums_in_words([self._counted[name] for name in self._sums()]) if self.summed and not self.errors else []

    def exact_sums(self) -> list[tuple[str, str]]:
        """Return the same, however many records there are."""
        if not self.summed or self.errors:
            return []
        return self._sums_in_words(list(self.matching.order_by().aggregate(**self._sums()).values()))

    def _sums(self):
        return {f"_sum{number}": Sum(field.sum) for number, field in enumerate(self.summed)}

    def _sums_in_words(self, values):
        return [(str(field.label), field.total(int(value or 0))) for field, value in zip(self.summed, values, strict=True)]

    # --- Rows -------------------------------------------------------------------------------------------------------------

    @cached_property
    def backwards(self) -> bool:
        return "before" in self.state

    @cached_property
    def cursor(self) -> Cursor | None:
        text = self.state.get("before") or self.state.get("after")
        if not text or self.errors:
            return None
        try:
            return self.order.read(text)
        except ValidationError as error:
            self.errors["before" if self.backwards else "after"] = " ".join(error.messages)
            return None

    @cached_property
    def paths(self) -> list[str]:
        """The columns each row must carry, each once."""
        title = self.record.fields[self.record.default_sort]
        return list(dict.fromkeys(["pk", *(path for field in [title, *self.columns] for path in field.columns)]))

    @cached_property
    def _found(self) -> list[dict]:
        """One row more than fits on the page, to know whether there are more."""
        cursor = self.cursor
        if self.errors:
            return []
        listed = self.listed if self._few is None else self.queryset.model.objects.filter(pk__in=self._few)
        few = self._few is not None and len(self._few) <= self.per
        return self.order.rows(listed, self.paths, self.per + 1, cursor, self.backwards, few)

    #: Whether it is read by many short ways in one statement.
    walks_shortly = False

    @property
    def listed(self):
        """The matching records, to be read in the list's order."""
        # What a team sees is a good part of all, unless filters leave little of it.
        whole = not (self.lines or self.tree or self.path)
        return walked(self.matching, self.walks_shortly) if self.user.role.see == "team" and whole else self.matching

    @cached_property
    def _few(self) -> list[int] | None:
        """The ids of all that match, if they are few; None if they are many, or an index leads to them."""
        return self._gathered if self._gathered is not None and len(self._gathered) <= FEW else None

    @cached_property
    def _gathered(self) -> list[int] | None:
        """The ids of those that match, FEW + 1 at most; None if an index leads to them.

        Where no index does, nobody but the database's guess would say whether to walk past all others in the list's order, or
        to read them all and sort; it guesses that there are many. Asked for each other's record, *or* spoils the indexes, too.
        """
        scoped = self.user.role.see != "all"
        kinds = {line.field.kind for line in self.lines} | ({"criteria"} if self.tree else set())
        if not kinds - {"user"} if scoped else not kinds - {"user", "choice", "yesno"}:
            return None
        return list(self.matching.order_by().values_list("pk", flat=True)[: FEW + 1])

    @property
    def page(self) -> list[dict]:
        return self._found[-self.per :] if self.backwards else self._found[: self.per]

    @property
    def _whole(self) -> bool:
        """Whether the page shows the whole list, so that nothing needs counting."""
        return (
            not self.groups_by
            and not {"after", "before"} & self.state.keys()
            and not self.errors
            and len(self._found) <= self.per
        )

    @cached_property
    def rows(self) -> list[Row]:
        return self.rows_of(self.page)

    def rows_of(self, page) -> list[Row]:
        """Return rows with their cells; what a field needs beside its own columns is loaded once for all of them."""
        ids = [row["pk"] for row in page]
        loaded = {field.name: field.load(ids, self.asking) for field in self.columns if field.load and ids}
        title = self.record.fields[self.record.default_sort]
        base = reverse(self.record.card_url, args=[0]).removesuffix("0/")
        first = self.first_number
        rows = []
        for place, row in enumerate(page):
            cells = []
            for field in self.columns:
                cell = field.cell(row, self.asking)
                if field.name in loaded and (sub := loaded[field.name].get(row["pk"])):
                    cell = replace(cell, text=sub) if field.loads_text else replace(cell, sub=sub)
                cells.append(cell)
            query = f"?{self.card_query}" if self.card_query else ""
            if query and first is not None:
                query += f"&at={first + place}"
            rows.append(Row(row["pk"], f"{base}{row['pk']}/{query}", title.text(row, self.asking), cells))
        return rows

    @cached_property
    def _links(self) -> list[str]:
        """Where the links of each column lead, up to the id: an address is put together once, not for every cell."""
        return [reverse(field.url_name, args=[0]).removesuffix("0/") if isinstance(field, Link) else "" for field in self.columns]

    def link(self, column, pk) -> str:
        return f"{self._links[column]}{pk}/"

    # --- Pages ------------------------------------------------------------------------------------------------------------

    @cached_property
    def first_number(self) -> int | None:
        """The number of the page's first row in the list, as far as it is known."""
        if self.path:
            return None
        if not {"after", "before"} & self.state.keys():
            return 1
        at = self.cursor.at if self.cursor else None
        if at is None:
            return None
        return max(1, at - len(self.page)) if self.backwards else at + 1

    @property
    def range_text(self) -> str:
        """Which rows are shown, *1–50*, or nothing if that is not known."""
        if self.first_number is None or not self.page:
            return ""
        return f"{formats.number(self.first_number)}–{formats.number(self.first_number + len(self.page) - 1)}"

    @property
    def next_url(self) -> str | None:
        more = len(self._found) > self.per or self.backwards
        if not self.page or not more:
            return None
        before = None if self.first_number is None else self.first_number + len(self.page) - 1
        return self._page_url("after", self.page[-1], before)

    @property
    def previous_url(self) -> str | None:
        more = len(self._found) > self.per if self.backwards else "after" in self.state
        if not self.page or not more:
            return None
        before = None if self.first_number is None else self.first_number
        return self._page_url("before", self.page[0], before)

    def _page_url(self, param, row, at) -> str:
        changes: dict[str, Any] = {param: str(replace(row["_cursor"], at=at))}
        if self.path:
            changes["in"] = self.state["in"]
        return self.address(**changes)

    @property
    def first_page_url(self) -> str:
        return self.address()

    # --- Groups -----------------------------------------------------------------------------------------------------------

    @property
    def shows_groups(self) -> bool:
        """Whether what is asked for are headings, and not rows."""
        return len(self.path) < len(self.groups_by)

    @cached_property
    def groups(self) -> list[Group]:
        """The headings of the next level, with their counts; groups without records are left out."""
        if self.errors:
            return []
        field = self.groups_by[len(self.path)]
        parts = field.parts(self.asking) or []
        cap = 2**63
        sums: list[Any] = [()] * len(parts)
        if len(parts) <= MANY and not self.summed and self.user.role.see == "all" and self._is_long():
            cap = COUNT_GROUPS_UP_TO
            counts = count_each([self.matching.filter(part.q).order_by().values("pk")[: cap + 1] for part in parts])
        else:
            asked = {"_count": Count("pk"), **self._sums()}
            counted: dict[str, list] = {}
            columns = {f"_by_{column}": Unordered(column) for column in field.part_columns}
            for row in self.matching.order_by().values(**columns).annotate(**asked):
                values = [row[name] or 0 for name in asked]
                key = field.part_key({column: row[f"_by_{column}"] for column in field.part_columns}, self.asking)
                before = counted.setdefault(key, [0] * len(asked))
                before[:] = [old + value for old, value in zip(before, values, strict=True)]
            if not self.path:
                self.count = min(sum(values[0] for values in counted.values()), COUNT_UP_TO + 1)
            counts = [counted[part.key][0] if part.key in counted else 0 for part in parts]
            sums = [self._sums_in_words(counted[part.key][1:]) if part.key in counted else () for part in parts]
        above = f"{self.state['in']}/" if self.path else ""
        return [
            Group(above + (part.key or NOTHING), part.cell, capped(count, cap), len(self.path), str(field.label), tuple(added))
            for part, count, added in zip(parts, counts, sums, strict=True)
            if count
        ]

    def _is_long(self) -> bool:
        """Tell whether these groups have more records than are counted exactly."""
        whole = self.matching.order_by().values("pk")[: COUNT_UP_TO + 1].count() if self.path else self.count
        return whole > COUNT_UP_TO

    def group_url(self, group) -> str:
        return self.address(**{"in": group.path})

    # --- What stands around it ----------------------------------------------------------------------------------------------

    @cached_property
    def chips(self) -> list[Chip]:
        """All filters that are on, those nobody understands among them."""
        chips = []
        by_param: dict[str, Any] = {}
        for line in self.lines:
            by_param.setdefault(line.param, line)
        for param in dict.fromkeys(name for name, _value in self.filters):
            without = self.address([pair for pair in self.filters if pair[0] != param])
            if error := self.errors.get(param):
                chips.append(Chip(param[:60], error, without, error=True))
                continue
            line = by_param.get(param) or next((one for one in self.lines if _means(param, one)), None)
            if line:
                label, value = criteria.in_words(line, self.asking)
                chips.append(Chip(label, value, without, line.field.name, param))
        if self.tree:
            taken_off: dict[str, Any] = {"criteria": None}
            chips.append(
                Chip(_("Criteria"), sentence(self.record, self.tree, self.asking), self.address(**taken_off), param="criteria")
            )
        for param, error in self.errors.items():
            if param in self.state:
                taken_out: dict[str, Any] = {param: None}
                chips.append(Chip(param, error, self.address(**taken_out), param=param, error=True))
        return chips

    @cached_property
    def tips(self) -> str:
        """The descriptions of statuses by their names, as JSON: once for the list, not for every row that shows one (R10)."""
        shown = [field for field in self.columns if isinstance(field, Choice) and field.pill]
        return (
            json.dumps(
                {str(item.label): item.description for field in shown for item in field.options(self.asking)}, ensure_ascii=False
            )
            if shown
            else ""
        )

    def sorted_by(self, field) -> str:
        """Return *ascending* or *descending*, or nothing."""
        for one, descending in self.sort:
            if one is field:
                return "descending" if descending else "ascending"
        return ""

    def is_filtered(self, field) -> bool:
        return any(line.field is field for line in self.lines)

    def width(self, field) -> int:
        """Return the width of a column in pixels: the one the user gave it, else what such a field needs."""
        widths = self.saved.get("widths")
        value = widths.get(field.name) if isinstance(widths, dict) else None
        return value if isinstance(value, int) and 40 <= value <= 1_200 else field.width or WIDTHS.get(field.kind, 150)

    @property
    def filterable(self) -> list[Field]:
        return [field for field in self.record.fields.values() if field.filter]

    @property
    def groupable(self) -> list[Field]:
        return [field for field in self.record.fields.values() if field.group]


def _means(param, line):
    """Tell whether a parameter is this line, written with its operator although that is the usual one."""
    name, _separator, operator = param.rpartition("__")
    return name == line.field.param and operator == line.operator


def count_each(querysets) -> list[int]:
    """Return the number of rows of each queryset, asked by one statement."""
    compiled = [compiled_or_none(queryset)[1:] for queryset in querysets]
    counts = ", ".join(f"(SELECT COUNT(*) FROM ({sql}) part{n})" if sql else "0" for n, (sql, _params) in enumerate(compiled))  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}", [param for _sql, params in compiled for param in params])
        return list(cursor.fetchone())
