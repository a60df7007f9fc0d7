"""Criteria as a tree that is still being written: lines may lack a value, and name fields that are gone (S3).

Unlike `crm.criteria.tree` it keeps what cannot be asked, so that it can be shown and mended. Every node has a path, `r` the root's,
`r-0-2` the third within its first, `r-0-w` the condition of the related records that line `r-0` counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from crm.criteria.tree import KINDS, MAX_DEPTH, MAX_LINES, VERSION, CriteriaError
from crm.fields import BARE
from crm.records import RecordType
from crm.relations import field_of

#: How the lines of a group are joined. The last two are *not any* and *not all*.
JOINS = ("all", "any", "none", "notall")
INSIDE = {"none": "any", "notall": "all"}
SEVERAL = ("choice", "user")  # kinds whose value is a list
PAIRS = ("between", "period")  # operators whose value is a list


@dataclass
class DraftLine:
    """A line as it was typed so far; `values` are texts."""

    name: str
    operator: str = ""
    values: list[str] = field(default_factory=list)
    where: Group | None = None
    off: bool = False

    @property
    def complete(self) -> bool:
        """Whether it asks something: one without a value does not yet."""
        needed = 2 if self.operator == "between" else 1
        return self.operator in BARE or len([value for value in self.values if value.strip()]) >= needed

    def tree(self, kind: str, only_complete=False) -> dict:
        """Return the line as JSON has it; `kind` is its field's."""
        made: dict[str, Any] = {"field": self.name, "operator": self.operator}
        if self.operator not in BARE:
            several = kind in SEVERAL or self.operator in PAIRS or len(self.values) > 1
            made["value"] = list(self.values) if several else (self.values or [""])[0]
        if self.where and (self.where.nodes or not only_complete):
            made["where"] = self.where.tree(only_complete)
        return made | ({"off": True} if self.off else {})


@dataclass
class Group:
    """Lines and groups that are joined; they ask of `record`, or of nothing known if the field that leads to it is gone."""

    join: str = "all"
    nodes: list[DraftLine | Group] = field(default_factory=list)
    off: bool = False
    record: RecordType | None = None

    def tree(self, only_complete=False) -> dict:
        """Return the group as JSON has it; with `only_complete` without the lines that ask nothing yet."""
        inside = [
            node.tree(only_complete) if isinstance(node, Group) else node.tree(kind_of(self.record, node.name), only_complete)
            for node in (self.asked if only_complete else self.nodes)
        ]
        made: dict[str, Any] = {INSIDE.get(self.join, self.join): inside}
        if self.join in INSIDE:
            made = {"not": made}
        return made | ({"off": True} if self.off else {})

    @property
    def asked(self) -> list[DraftLine | Group]:
        return [node for node in self.nodes if isinstance(node, Group) or node.complete]

    @property
    def deep(self) -> int:
        """How many sets stand within each other."""
        within = [node.deep if isinstance(node, Group) else (node.where.deep if node.where else 0) for node in self.nodes]
        return (2 if self.join in INSIDE else 1) + max(within, default=0)

    def every(self, path="r") -> Iterator[tuple[str, DraftLine | Group]]:
        """Yield (path, node) of all within, the conditions of related records among them, and of the group itself."""
        yield path, self
        for number, node in enumerate(self.nodes):
            where = f"{path}-{number}"
            if isinstance(node, Group):
                yield from node.every(where)
            else:
                yield where, node
                if node.where:
                    yield from node.where.every(f"{where}-w")

    def places(self, path="r", place="") -> Iterator[tuple[str, str]]:
        """Yield (path, place in the criteria) of all that is asked of the record itself (see crm.criteria.tree)."""
        if place:
            yield path, place
        inner = f"{place}.not.{INSIDE[self.join]}" if self.join in INSIDE else f"{place}.{self.join}"
        asked = 0
        for number, node in enumerate(self.nodes):
            if isinstance(node, DraftLine) and not node.complete:
                continue
            where, here = f"{path}-{number}", f"{inner}[{asked}]".strip(".")
            asked += 1
            if isinstance(node, Group):
                yield from node.places(where, here)
            else:
                yield where, here


def read(record, tree) -> Group:
    """Return criteria as a draft, whatever fields and values they name; raise CriteriaError for what is no tree at all."""
    if not isinstance(tree, dict) or tree.get("version", VERSION) != VERSION:
        raise CriteriaError([("", _("Criteria are an object with a list “all” or “any” of conditions."))])
    root = {name: value for name, value in tree.items() if name != "version"}
    group = _group(root, record, 0) if root else Group(record=record)
    check(group)
    return group


def kind_of(record, name) -> str:
    """Return the kind of a field, or nothing if there is none of this name."""
    described = field_of(record, name) if record else None
    return described.kind if described else ""


def check(group: Group) -> None:
    """Raise CriteriaError if there are too many lines, or too many sets within each other."""
    if sum(1 for _path, _node in group.every()) - 1 > MAX_LINES:
        raise CriteriaError([("", _("At most %(count)s conditions.") % {"count": MAX_LINES})])
    if group.deep > MAX_DEPTH:
        raise CriteriaError([("", _("Groups can be nested at most %(count)s deep.") % {"count": MAX_DEPTH})])


def _group(item, record, depth) -> Group:
    kind = next((kind for kind in KINDS if kind in item), "") if isinstance(item, dict) else ""
    inside = item.get(kind) if kind else None
    if not kind or depth > MAX_DEPTH or (kind != "not" and not isinstance(inside, list)):
        raise CriteriaError([("", _("Criteria are an object with a list “all” or “any” of conditions."))])
    off = bool(item.get("off"))
    if kind != "not":
        return Group(kind, [_node(one, record, depth + 1) for one in inside], off, record)
    node = _node(inside, record, depth + 1)
    if isinstance(node, Group) and node.join not in INSIDE:
        join = "none" if node.join == "any" else "notall"
        return Group(join, node.nodes, off or node.off, record)
    return Group("none", [node], off, record)


def _node(item, record, depth):
    if isinstance(item, dict) and any(kind in item for kind in KINDS):
        return _group(item, record, depth)
    if not isinstance(item, dict) or not isinstance(item.get("field"), str):
        raise CriteriaError([("", _("A condition has a field, an operator and a value."))])
    name, operator = item["field"], item.get("operator")
    value = item.get("value")
    values = value if isinstance(value, list) else ([] if value is None else [value])
    if any(isinstance(one, dict | list) for one in values):
        raise CriteriaError([("", _("A condition has a field, an operator and a value."))])
    if len(values) == 1 and isinstance(values[0], str) and (kind_of(record, name) in SEVERAL or operator in PAIRS):
        values = values[0].split(",")
    line = DraftLine(
        name, operator if isinstance(operator, str) else "", [_text(one) for one in values], None, bool(item.get("off"))
    )
    described = field_of(record, name) if record else None
    if described and described.takes_where:
        given = item.get("where") if isinstance(item.get("where"), dict) else {}
        root = {key: one for key, one in given.items() if key != "version"}
        line.where = _group(root, described.counted, depth) if root else Group(record=described.counted)
    return line


def _text(value) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else str(value)


def uses(record, tree, item) -> bool:
    """Tell whether criteria, as far as they can be read, have this item of a list as a value."""
    try:
        group = read(record, tree)
    except CriteriaError:
        return False
    for _path, holder in group.every():
        if isinstance(holder, Group):
            for line in holder.nodes:
                if isinstance(line, DraftLine) and str(item.pk) in line.values:
                    described = field_of(holder.record, line.name) if holder.record else None
                    if described and item._meta.label in described.lists[:1]:
                        return True
    return False
