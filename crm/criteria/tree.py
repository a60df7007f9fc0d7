"""Lines joined by *all*, *any* and *not*: read with the place of every error, turned into one condition."""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from crm.criteria.lines import Line, line
from crm.fields import Asking
from crm.records import RecordType

VERSION = 1
MAX_LINES = 200  # in all
MAX_DEPTH = 8
MAX_ERRORS = 20  # told at once
MAX_JSON = 200_000  # characters
SHORT = 60  # characters; up to here an address says what it asks in plain words
PACKED = "~"
KINDS = ("all", "any", "not")
NOBODY = Q(pk__in=[])


class CriteriaError(ValueError):
    """Criteria that cannot be asked; `errors` lists (place, message), the place as in `all[2].value`."""

    def __init__(self, errors):
        self.errors = errors
        super().__init__("; ".join(self.told))

    @property
    def told(self) -> list[str]:
        """The errors in sentences, each with its place."""
        return [f"{place}: {message}" if place else str(message) for place, message in self.errors]


@dataclass(frozen=True)
class Set:
    """Lines and sets that are joined: `kind` is *all* or *any* of them, or *not* (of the one there is)."""

    kind: str
    nodes: tuple
    off: bool = False
    place: str = ""

    def q(self, asking: Asking) -> Q:
        """Return the condition; what is switched off takes no part, and a set without any that is on asks nothing."""
        parts = [node.q(asking) for node in self.active]
        if not parts:
            return Q()
        if self.kind == "not":
            return ~parts[0]
        return reduce(or_ if self.kind == "any" else and_, parts)

    @property
    def tree(self) -> dict:
        """The set as JSON has it."""
        inside = [node.tree for node in self.nodes]
        return {self.kind: inside[0] if self.kind == "not" else inside} | ({"off": True} if self.off else {})

    @property
    def active(self):
        """What takes part: all that is on, down to sets of which nothing is."""
        return [node for node in self.nodes if not node.off and (isinstance(node, Line) or node.active)]

    def lines(self) -> Iterator[Line]:
        """Yield all lines, those switched off among them, without the conditions of related records."""
        for node in self.nodes:
            yield from [node] if isinstance(node, Line) else node.lines()


def to_q(asked, asking: Asking) -> Q:
    """Return the condition of a tree, or of lines that all hold."""
    return asked.q(asking) if isinstance(asked, Set) else Set("all", tuple(asked)).q(asking)


def loads(text: str):
    """Return the tree a text holds, in JSON or packed; raise CriteriaError."""
    try:
        if text.startswith(PACKED):
            text = _unpacked(text.removeprefix(PACKED))
        if len(text) > MAX_JSON:
            raise ValueError
        return json.loads(text)
    except (ValueError, RecursionError):
        raise CriteriaError([("", _("This is no valid JSON, or too long."))]) from None


def packed(tree) -> str:
    """Return the tree as a short text for an address; `loads` reads it."""
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    if len(text) <= SHORT:
        return text
    return PACKED + base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def _unpacked(text: str) -> str:
    try:
        reader = zlib.decompressobj()
        read = reader.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), 4 * MAX_JSON)
    except zlib.error as error:
        raise ValueError from error
    if reader.unconsumed_tail:  # far longer than it looks
        raise ValueError
    return read.decode()


def condition(record: RecordType, tree, asking: Asking) -> Q:
    """Return the condition a tree asks; raise CriteriaError that names every place that is wrong."""
    read = parse(record, tree, asking)
    try:
        return read.q(asking)
    except ValidationError as error:
        raise CriteriaError([("", " ".join(error.messages))]) from error


def parse(record: RecordType, tree, asking: Asking) -> Set:
    """Return a tree as it was read; raise CriteriaError that names every place that is wrong."""
    reader = _Reader(asking)
    if isinstance(tree, dict) and tree.get("version", VERSION) != VERSION:
        raise CriteriaError([("version", _("This version of criteria is not known."))])
    root = reader.root(record, tree, "")
    if reader.errors:
        raise CriteriaError(reader.errors)
    return root


class _Reader:
    def __init__(self, asking):
        self.asking, self.errors, self.count = asking, [], 0

    def wrong(self, place, message):
        if len(self.errors) < MAX_ERRORS:
            self.errors.append((place, message))

    def root(self, record, tree, place, depth=0) -> Set:
        """Return a whole tree: an object that holds one set. Without any it asks nothing."""
        if not isinstance(tree, dict) or (set(tree) - {"version", "off"} and len(set(tree) & set(KINDS)) != 1):
            self.wrong(place, _("Criteria are an object with a list “all” or “any” of conditions."))
            return Set("all", ())
        if not set(tree) & set(KINDS):
            return Set("all", (), place=place)
        return self.set(record, {key: value for key, value in tree.items() if key != "version"}, place, depth)

    def set(self, record, item, place, depth) -> Set:
        kind = next(kind for kind in KINDS if kind in item)
        inside = item[kind]
        if set(item) - {kind, "off"} or not isinstance(item.get("off", False), bool):
            self.wrong(place, _("A group has a list of conditions, and may be switched off."))
        elif kind != "not" and not isinstance(inside, list):
            self.wrong(f"{place}.{kind}".strip("."), _("This must be a list."))
        elif depth >= MAX_DEPTH:
            self.wrong(place, _("Groups can be nested at most %(count)s deep.") % {"count": MAX_DEPTH})
        else:
            children = [inside] if kind == "not" else inside
            self.count += len(children)
            if self.count > MAX_LINES:
                if self.count - len(children) <= MAX_LINES:
                    self.wrong(f"{place}.{kind}".strip("."), _("At most %(count)s conditions.") % {"count": MAX_LINES})
                return Set(kind, (), place=place)
            places = [f"{place}.{kind}".strip(".") + ("" if kind == "not" else f"[{number}]") for number in range(len(children))]
            nodes = [self.node(record, child, where, depth + 1) for child, where in zip(children, places, strict=True)]
            return Set(kind, tuple(node for node in nodes if node), item.get("off", False), place)
        return Set(kind, (), place=place)

    def node(self, record, item, place, depth):
        if isinstance(item, dict) and any(kind in item for kind in KINDS):
            return self.set(record, item, place, depth)
        if not isinstance(item, dict) or set(item) - {"field", "operator", "value", "where", "off"}:
            return self.wrong(place, _("A condition has a field, an operator and a value."))
        if not isinstance(item.get("off", False), bool):
            return self.wrong(f"{place}.off", _("Answer yes or no."))
        return self.line(record, item, place, depth)

    def line(self, record, item, place, depth):
        try:
            made = line(record, item.get("field"), item.get("operator"), item.get("value"), self.asking)
            where = None
            if "where" in item:
                if not made.field.takes_where:
                    raise ValidationError(_("Only related records have a condition of their own."), params={"part": "where"})
                where = self.root(made.field.counted, item["where"], f"{place}.where", depth)
        except ValidationError as error:
            part = error.params.get("part", "value") if isinstance(error.params, dict) else "value"
            return self.wrong(f"{place}.{part}", " ".join(error.messages))
        return Line(made.field, made.operator, made.value, made.read, where, item.get("off", False), place)
