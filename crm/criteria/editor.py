"""The criteria editor: what its form shows, and what each of its buttons does (S2, S3).

A page includes `criteria/_editor.html`. Its inputs carry the whole draft as JSON (`c-tree`) and, for each line, what was typed since
(`c:r-0:value`); each answer is the editor anew, or only what changed beside its inputs. Nothing is kept on the server between.
"""

import json
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from crm import criteria, periods
from crm.criteria import CriteriaError, Set
from crm.criteria.draft import JOINS, DraftLine, Group, check, read
from crm.criteria.offered import MAX_UNSEARCHED, Option, operators_of, options_of, usual_operator
from crm.criteria.words import sentence
from crm.fields import BARE, Asking, Field
from crm.records import RecordType
from crm.relations import askable, field_of
from crm.text import fold

MAX_FOUND = 60  # fields offered at once
JOINED = {
    "all": gettext_lazy("All of these hold"),
    "any": gettext_lazy("Any of these holds"),
    "none": gettext_lazy("None of these holds"),
    "notall": gettext_lazy("Not all of these hold"),
}
#: How a day is told: the calendar's, or from today on (crm.periods).
DAYS = {
    "date": pgettext_lazy("a day", "on the calendar"),
    "today": gettext_lazy("today"),
    "-d": gettext_lazy("days ago"),
    "-w": gettext_lazy("weeks ago"),
    "-m": gettext_lazy("months ago"),
    "-q": gettext_lazy("quarters ago"),
    "-y": gettext_lazy("years ago"),
    "+d": gettext_lazy("days from now"),
    "+w": gettext_lazy("weeks from now"),
    "+m": gettext_lazy("months from now"),
    "+q": gettext_lazy("quarters from now"),
    "+y": gettext_lazy("years from now"),
}
WHICH = {
    "this": pgettext_lazy("period", "this"),
    "previous": pgettext_lazy("period", "previous"),
    "next": pgettext_lazy("period", "next"),
}
UNITS = {
    "day": gettext_lazy("days"),
    "week": gettext_lazy("weeks"),
    "month": gettext_lazy("months"),
    "quarter": gettext_lazy("quarters"),
    "year": gettext_lazy("years"),
}
#: The inputs of a value; those of one kind can take over what was typed for another.
ALIKE = {"days": "day", "numbers": "number"}


def shape_of(field: Field, operator: str) -> str:
    """Return which inputs the value of a line needs."""
    if operator in BARE:
        return "bare"
    if field.kind == "date":
        return {"last_days": "count", "next_days": "count", "period": "periods", "between": "days"}.get(operator, "day")
    if field.kind == "number":
        return "numbers" if operator == "between" else "number"
    return {"choice": "choices", "user": "choices", "yesno": "yesno"}.get(field.kind, "text")


@dataclass(frozen=True)
class DayInput:
    """A day as the form has it: how it is told, and the text or number."""

    how: str
    text: str

    @classmethod
    def of(cls, value):
        found = periods.DAY.fullmatch(value)
        if not value or not found:
            return cls("date", value)
        _today, sign, number, unit = found.groups()
        return cls(f"{'-' if sign == '-' else '+'}{unit}", number) if unit else cls("today", "")

    @property
    def value(self):
        if self.how == "today":
            return "today"
        return self.text if self.how == "date" or not self.text else f"{self.how[0]}{self.text}{self.how[1]}"


@dataclass(frozen=True)
class PeriodInput:
    which: str
    number: str
    unit: str

    @classmethod
    def of(cls, value):
        found = periods.PERIOD.fullmatch(value)
        return cls(found[1], found[2] or "1", found[3]) if found else cls("this", "1", "month")

    @property
    def value(self):
        return f"this_{self.unit}" if self.which == "this" else f"{self.which}_{self.number}_{self.unit}s"


@dataclass
class ShownLine:
    """A line as the form shows it."""

    path: str
    line: DraftLine
    field: Field | None
    asking: Asking
    error: str = ""
    where: Any = None

    is_group = False

    @property
    def label(self):
        return self.field.full_label if self.field else self.line.name

    @property
    def off(self):
        return self.line.off

    @property
    def shape(self):
        return shape_of(self.field, self.line.operator) if self.field else "bare"

    @property
    def operators(self):
        return operators_of(self.field, self.line.operator)

    @property
    def first(self):
        return self.line.values[0] if self.line.values else ""

    @property
    def second(self):
        return self.line.values[1] if len(self.line.values) > 1 else ""

    @property
    def days(self):
        return [DayInput.of(value) for value in ([self.first, self.second] if self.shape == "days" else [self.first])]

    @property
    def periods(self):
        return [PeriodInput.of(value) for value in self.line.values or ["this_month"]]

    @cached_property
    def options(self) -> list[Option]:
        return options_of(self.field, self.line.values, self.asking)

    @property
    def searchable(self):
        return len(self.options) > MAX_UNSEARCHED

    @property
    def summary(self):
        """What is chosen, in words."""
        return ", ".join(option.label for option in self.options if option.chosen) or _("Choose …")

    @property
    def note(self):
        """Why the line takes no part, if it takes none."""
        if self.line.off:
            return _("Switched off")
        return "" if self.line.complete or self.error else _("Enter a value: without one this condition has no effect")


@dataclass
class ShownGroup:
    path: str
    group: Group
    nodes: list
    label: str = ""

    is_group = True

    @property
    def off(self):
        return self.group.off

    @property
    def joins(self):
        return [(name, str(JOINED[name])) for name in JOINS]


@dataclass
class Editor:
    """The criteria of one record type as one user edits them.

    `question` is what can be asked of it, without the lines that lack a value; `asked` the same as it was read, or None if something
    in it is wrong; `message` says why the last button did nothing.
    """

    record: RecordType
    root: Group
    asking: Asking
    message: str = ""
    focus: str = ""
    token: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, record, tree, asking):
        """Return the editor of criteria that are kept somewhere; raise CriteriaError if they are none."""
        return cls(record, read(record, {} if tree is None else tree), asking)

    @classmethod
    def sent(cls, record, data, asking):
        """Return the editor of a form that was sent, with what its button does done; raise CriteriaError."""
        editor = cls.of(record, criteria.loads(data.get("c-tree", "{}")), asking)
        editor.token = data.get("c-token", "")[:40]
        for path, node in list(editor.root.every()):
            editor._take(path, node, data)
        if done := data.get("do"):
            editor._do(done, data)
        return editor

    # --- What was typed ---------------------------------------------------------------------------------------------------

    def _take(self, path, node, data):
        if isinstance(node, Group):
            join = data.get(f"c:{path}:join")
            node.join = join if join in JOINS else node.join
            return
        described = self._field(path, node)
        if described is None or f"c:{path}:operator" not in data:
            return
        shape = shape_of(described, node.operator)
        node.values = self._typed(path, shape, data, node.values)
        operator = data[f"c:{path}:operator"]
        if operator != node.operator and operator in described.operators:
            node.operator, now = operator, shape_of(described, operator)
            if now != "bare" and ALIKE.get(shape, shape) != ALIKE.get(now, now):
                node.values = ["this_month"] if now == "periods" else []

    @staticmethod
    def _typed(path, shape, data, before):
        """Return the values that the inputs of this shape hold."""

        def given(name):
            return [text.replace("\x00", "") for text in data.getlist(f"c:{path}:{name}")]

        if shape == "bare":
            return before
        if shape in {"day", "days"}:
            return [
                DayInput(how if how in DAYS else "date", text.strip()).value
                for how, text in zip(given("how"), given("value"), strict=False)
            ]
        if shape == "periods":
            return [PeriodInput(*each).value for each in zip(given("which"), given("number"), given("unit"), strict=False)]
        return given("value")

    def _field(self, path, line) -> Field | None:
        record = self._record_at(path)
        return field_of(record, line.name) if record else None

    def _record_at(self, path):
        """Return the record type that the node of this path is asked of."""
        return self._parent(path)[0].record if path != "r" else self.record

    def _parent(self, path):
        """Return (the group a node stands in, its number there)."""
        *before, last = path.split("-")
        return self._group("-".join(before)), int(last)

    def _group(self, path) -> Group:
        node: Any = self.root
        for step in path.split("-")[1:]:
            node = node.where if step == "w" else node.nodes[int(step)]
        if not isinstance(node, Group):
            raise LookupError(path)
        return node

    # --- What its buttons do ----------------------------------------------------------------------------------------------

    def _do(self, done, data):
        """Do what a button says, `verb:path`; what cannot be is left undone, with a message."""
        verb, _colon, path = done.partition(":")
        before = deepcopy(self.root)
        try:
            self.focus = getattr(self, f"_do_{verb.replace('-', '_')}")(path, data) or ""
            check(self.root)
        except CriteriaError as error:
            self.root, self.message, self.focus = before, " ".join(error.told), ""
        except (AttributeError, LookupError, ValueError):
            self.root, self.message = before, _("That could not be done: the criteria have changed in the meantime.")

    def _do_shape(self, path, data):
        """Show the inputs that what was chosen needs; the focus stays where it is."""
        return ""

    def _do_clear(self, path, data):
        self.root = Group(record=self.record)
        return "r"

    def _do_add(self, path, data):
        group = self._group(path)
        described = field_of(group.record, data.get(f"c:{path}:add", "")) if group.record else None
        if described is None or not described.filter:
            raise CriteriaError([("", _("This field does not exist."))])
        operator = usual_operator(described)
        where = Group(record=described.counted) if described.takes_where else None
        values = {"yesno": ["1"], "number": ["1"] if described.takes_where else []}.get(described.kind, [])
        group.nodes.append(DraftLine(described.name, operator, list(values), where))
        return f"{path}-{len(group.nodes) - 1}"

    def _do_add_set(self, path, data):
        group = self._group(path)
        group.nodes.append(Group("any" if group.join == "all" else "all", [], False, group.record))
        return f"{path}-{len(group.nodes) - 1}"

    def _do_or(self, path, data):
        """Let another set stand beside all there is: sets join by *or*."""
        if self.root.join != "any" or not all(isinstance(node, Group) for node in self.root.nodes):
            self.root = Group("any", [self.root], False, self.record)
        self.root.nodes.append(Group("all", [], False, self.record))
        return f"r-{len(self.root.nodes) - 1}"

    def _do_remove(self, path, data):
        group, number = self._parent(path)
        del group.nodes[number]
        return path.rpartition("-")[0]

    def _do_copy(self, path, data):
        group, number = self._parent(path)
        group.nodes.insert(number + 1, deepcopy(group.nodes[number]))
        return f"{path.rpartition('-')[0]}-{number + 1}"

    def _do_off(self, path, data):
        group, number = self._parent(path)
        group.nodes[number].off = not group.nodes[number].off
        return path

    def _do_wrap(self, path, data):
        """Put a node into a set of its own, to which others can be added."""
        group, number = self._parent(path)
        group.nodes[number] = Group("any" if group.join == "all" else "all", [group.nodes[number]], False, group.record)
        return path

    def _do_unwrap(self, path, data):
        """Let what is in a set stand where the set stood."""
        group, number = self._parent(path)
        group.nodes[number : number + 1] = self._group(path).nodes
        return path if number < len(group.nodes) else path.rpartition("-")[0]

    def _do_up(self, path, data):
        return self._move(path, -1)

    def _do_down(self, path, data):
        return self._move(path, 1)

    def _move(self, path, step):
        """Move a node one place: past a line, into a set, or out of the set it is in."""
        group, number = self._parent(path)
        above = path.rpartition("-")[0]
        there = number + step
        if not 0 <= there < len(group.nodes):
            if above == "r" or above.endswith("w"):
                return path
            outer, place = self._parent(above)
            outer.nodes.insert(place + (step > 0), group.nodes.pop(number))
            return f"{above.rpartition('-')[0]}-{place + (step > 0)}"
        node = group.nodes.pop(number)
        beside = group.nodes[there if step < 0 else number]
        if isinstance(beside, Group):
            beside.nodes.insert(len(beside.nodes) if step < 0 else 0, node)
            return f"{above}-{there if step < 0 else number}-{len(beside.nodes) - 1 if step < 0 else 0}"
        group.nodes.insert(there, node)
        return f"{above}-{there}"

    def _do_period(self, path, data):
        self._line_of_periods(path).values.append("previous_1_months")
        return path

    def _do_less(self, path, data):
        """Take the last of a line's periods away."""
        del self._line_of_periods(path).values[-1:]
        return path

    def _line_of_periods(self, path) -> DraftLine:
        group, number = self._parent(path)
        line = group.nodes[number]
        if not isinstance(line, DraftLine) or line.operator != "period":
            raise LookupError(path)
        return line

    # --- What can be asked, and what is shown ------------------------------------------------------------------------------

    @cached_property
    def tree(self) -> str:
        """The whole draft, as the form carries it."""
        return json.dumps({"version": criteria.VERSION, **self.root.tree()}, ensure_ascii=False)

    @cached_property
    def question(self) -> dict:
        return {"version": criteria.VERSION, **self.root.tree(only_complete=True)}

    @cached_property
    def packed(self) -> str:
        """The question, short enough for an address."""
        return criteria.packed(self.question)

    @cached_property
    def sentence(self) -> str:
        """The question in words; nothing while it asks nothing, or cannot be asked."""
        return sentence(self.record, self.asked, self.asking) if self.asked and self.asked.active else ""

    @property
    def is_empty(self) -> bool:
        return not self.root.nodes

    @property
    def lacking(self) -> bool:
        """Whether a line lacks its value."""
        return any(isinstance(node, DraftLine) and not node.complete and not node.off for _path, node in self.root.every())

    @cached_property
    def asked(self) -> Set | None:
        try:
            return criteria.parse(self.record, self.question, self.asking)
        except CriteriaError:
            return None

    @cached_property
    def shown(self) -> ShownGroup:
        return self._shown("r", self.root)

    @cached_property
    def lines(self) -> list[ShownLine]:
        """All lines, those about related records among them."""
        return list(_lines(self.shown))

    def _shown(self, path, group, label="") -> ShownGroup:
        nodes: list[Any] = []
        for number, node in enumerate(group.nodes):
            where = f"{path}-{number}"
            nodes.append(self._shown(where, node) if isinstance(node, Group) else self._shown_line(where, node, group.record))
        return ShownGroup(path, group, nodes, label)

    def _shown_line(self, path, line, record) -> ShownLine:
        described = field_of(record, line.name) if record else None
        if described is None or not described.filter:
            return ShownLine(path, line, None, self.asking, _("This field does not exist."))
        made = ShownLine(path, line, described, self.asking)
        if line.operator not in described.operators:
            made.error = _("This field cannot be queried that way.")
            line.operator = described.default_operator
        elif line.complete:
            made.error = self._wrong(record, line, described.kind)
        if line.where:
            made.where = self._shown(f"{path}-w", line.where, str(described.counted.plural))
        return made

    def _wrong(self, record, line, kind):
        given = line.tree(kind)
        try:
            criteria.line(record, line.name, line.operator, given.get("value"), self.asking)
        except ValidationError as error:
            return " ".join(error.messages)
        return ""


def _lines(group):
    for node in group.nodes:
        if node.is_group:
            yield from _lines(node)
        else:
            yield node
            if node.where:
                yield from _lines(node.where)


def fields_found(record: RecordType, text: str) -> list[tuple[str, str]]:
    """Return (name, label) of the fields whose names hold all words that were typed; without any the record's own first."""
    words = fold(text[:100]).split()
    found = []
    for place, described in enumerate(askable(record)):
        label = described.full_label
        folded = fold(f"{label} {described.name}")
        if all(word in folded for word in words):
            begins = bool(words) and fold(label).startswith(words[0])
            found.append(
                (not begins, "." in described.name, place, described.name, label) if words else (place, described.name, label)
            )
    return [(name, label) for *_order, name, label in sorted(found)[:MAX_FOUND]]
