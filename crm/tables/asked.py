"""What is asked of a list, by its address and the user's own settings, and the addresses that ask for something else.

The URL holds the state (U4): `?lead_status=2&sort=-name,company&group=owner&cols=name,company`. What it does not say comes from the
user's settings, then from the catalogue. A parameter nobody understands is an error that shows no rows: it never widens the
answer.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import criteria
from crm.criteria.words import sentence
from crm.fields import Asking, Choice, Field, Part
from crm.models import TableSetting
from crm.records import RecordType

PER_PAGE = 50
PER = (25, 50, 100, 200)
MAX_SORT = 3
MAX_GROUPS = 3
#: Parameters that are no filters. `in` is a group's place, `all` says that the list's own filters were taken off.
STATE = ("criteria", "cols", "sort", "group", "per", "all", "after", "before", "in")
#: What they are called where one is wrong.
CALLED = {
    "criteria": gettext_lazy("Criteria"),
    "cols": gettext_lazy("Columns"),
    "sort": gettext_lazy("Sorting"),
    "group": gettext_lazy("Grouping"),
    "per": gettext_lazy("Rows on a page"),
    "in": gettext_lazy("Grouping"),
    "after": gettext_lazy("Page"),
    "before": gettext_lazy("Page"),
}
#: Widths of columns in pixels, by the kind of their field.
WIDTHS = {"text": 170, "link": 172, "choice": 118, "user": 94, "yesno": 110, "number": 110, "date": 152}
FILTER_SIGN = 20
NOTHING = "-"  # the key of those without a value, in the place of a group


@dataclass(frozen=True)
class Chip:
    """One filter that is on."""

    label: str
    value: str
    remove_url: str
    field: str = ""
    param: str = ""
    error: bool = False


class Asked:
    """What one user asks of a list now.

    `query` are the URL's parameters, `url` is the list's address without them; `key` names the user's settings; `preset` is the query
    string of filters that are on until others are chosen; `toggles` are further parameters of the page's own; `order` is the sorting
    and `group` the grouping until others are chosen, `columns` are the names of those shown until others are, the catalogue's if none
    are given.
    """

    def __init__(self, record: RecordType, user, query, *, key, url, preset="", toggles=(), order="", columns=(), group=""):
        self.record, self.user, self.key, self.url = record, user, key, url
        self.toggles, self.preset = tuple(toggles), preset
        self.own_order, self.own_group = order.split(",") if order else [], group.split(",") if group else []
        self.default_columns = tuple(columns) or tuple(record.default_columns())
        self.asking = Asking(user)
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
        """Return the fields that take part in any way: what they need is fetched before anything is read."""
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

    def question(self, scope=()) -> dict:
        """Return what the list asks, its filters and its criteria, as one tree; `scope` are lines of the list's own."""
        asked = [*scope, *(line.tree for line in self.lines)]
        return {"version": criteria.VERSION, "all": [*asked, self.tree.tree] if self.tree else asked}

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
                chips.append(Chip(self.called(param), error, without, error=True))
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
                chips.append(Chip(self.called(param), error, self.address(**taken_out), param=param, error=True))
        return chips

    def called(self, param) -> str:
        """Return what a parameter of the address is called on the page; one that nobody knows, as it was given."""
        if param in CALLED:
            return str(CALLED[param])
        field = next((one for one in self.record.fields.values() if one.param in {param, param.rpartition("__")[0]}), None)
        return str(field.label) if field else param[:60]

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
        if isinstance(value, int) and 40 <= value <= 1_200:
            return value
        # Where heads are wider than what is below them, the sign of a filter needs room of its own.
        sign = FILTER_SIGN if field.kind == "user" and self.is_filtered(field) else 0
        return (field.width or WIDTHS.get(field.kind, 150)) + sign

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
