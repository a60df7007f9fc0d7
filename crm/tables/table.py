"""A list of records: how many there are, its rows, its pages, its groups."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, Sum
from django.urls import reverse

from crm import criteria
from crm.database import distinct, is_indexed
from crm.fields import Cell, Field, Link
from crm.records import RecordType
from crm.tables import counts
from crm.tables.asked import NOTHING, Asked
from crm.tables.counts import capped, count_each
from crm.tables.order import MANY, Cursor, Order, Unordered, walked
from crm.web import formats

#: How wide a digit, or a letter of a currency, and what stands between digits are in pixels, and the edges of a number's cell
#: (app.css: td.number).
DIGIT, BETWEEN, NUMBER_EDGES = 9.2, 4, 30


def _pixels(number) -> int:
    """Return how much room a number takes, with its currency."""
    between = sum(char in ".,'’ \N{NO-BREAK SPACE}" for char in number)
    return math.ceil(DIGIT * (len(number) - between) + BETWEEN * between)


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


class Table(Asked):
    """One list, as one user asks for it now: `queryset` is what this user may see, `card_query` goes along to the cards.

    The other arguments say what is asked (`Asked`).
    """

    def __init__(self, record: RecordType, queryset, user, query, *, card_query="", **asked):
        super().__init__(record, user, query, **asked)
        self.queryset, self.card_query = queryset, card_query
        self.cap = counts.COUNT_UP_TO

    @cached_property
    def order(self) -> Order:
        # A group's rows stand together, so that one can walk through the whole list from card to card.
        levels = {field.name: False for field in self.groups_by[len(self.path) :]}
        for field, descending in self.sort:
            levels.setdefault(field.name, descending)
        fields = self.record.fields
        if self.sort[0][0].parts(self.asking) is not None:  # alike within a group and in the whole list
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

    def width(self, field) -> int:
        """Return the width of a column: never less than its numbers take, of which half would be another number."""
        width = super().width(field)
        if field.kind != "number" or self.shows_groups:
            return width
        place = self.columns.index(field)
        return max([width, *(NUMBER_EDGES + _pixels(row.cells[place].text) for row in self.rows)])

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

    def count_as_page(self):
        """Count no further than a page does that does not wait: its totals follow it, if there are more (`is_unfinished`).

        Headings of groups say how many there are, so with them nothing comes later.
        """
        if not self.groups_by:
            self.cap = min(counts.FEW, counts.COUNT_UP_TO)

    @cached_property
    def count(self) -> int:
        """How many there are; one more than `cap` stands for *more*."""
        if self.cap <= counts.FEW and self._gathered is not None:
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
        return self.is_capped and self.cap < counts.COUNT_UP_TO

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
        return [
            (str(field.label), field.total(int(value or 0), aligned=True))
            for field, value in zip(self.summed, values, strict=True)
        ]

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
        found = self.order.rows(listed, self.paths, self.per + 1, cursor, self.backwards, few)
        if self.backwards and len(found) < self.per:
            # Some have gone meanwhile: the list begins here, with a page that is full.
            self.backwards = False
            del self.state["before"]
            found = self.order.rows(listed, self.paths, self.per + 1, few=few)
        return found

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
        return self._gathered if self._gathered is not None and len(self._gathered) <= counts.FEW else None

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
        return list(self.matching.order_by().values_list("pk", flat=True)[: counts.FEW + 1])

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
                    cell = cell._replace(text=sub) if field.loads_text else cell._replace(sub=sub)
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
        """The number of the page's first row in the list, as far as it is known.

        The address tells how many stood before it when the last page was read. Rows may have come and gone since: either end of the
        list is known by itself, and what cannot be is not told.
        """
        if self.path:
            return None
        if not {"after", "before"} & self.state.keys():
            return 1
        more, shown = len(self._found) > self.per, len(self.page)
        if self.backwards and not more:
            return 1
        at = self.cursor.at if self.cursor else None
        before = at if at is None or not self.backwards else at - 1 - shown
        if not self.is_capped:
            if not self.backwards and not more:
                before = self.count - shown
            elif before is not None and before + shown >= self.count:
                return None
        return None if before is None or before < self.backwards else before + 1

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
            cap = counts.COUNT_GROUPS_UP_TO
            numbers = count_each([self.matching.filter(part.q).order_by().values("pk")[: cap + 1] for part in parts])
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
                self.count = min(sum(values[0] for values in counted.values()), counts.COUNT_UP_TO + 1)
            numbers = [counted[part.key][0] if part.key in counted else 0 for part in parts]
            sums = [self._sums_in_words(counted[part.key][1:]) if part.key in counted else () for part in parts]
        above = f"{self.state['in']}/" if self.path else ""
        return [
            Group(above + (part.key or NOTHING), part.cell, capped(count, cap), len(self.path), str(field.label), tuple(added))
            for part, count, added in zip(parts, numbers, sums, strict=True)
            if count
        ]

    def _is_long(self) -> bool:
        """Tell whether these groups have more records than are counted exactly."""
        whole = self.matching.order_by().values("pk")[: counts.COUNT_UP_TO + 1].count() if self.path else self.count
        return whole > counts.COUNT_UP_TO

    def group_url(self, group) -> str:
        return self.address(**{"in": group.path})
