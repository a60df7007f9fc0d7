"""One tile as it is stored, read for one user: what it asks, or what is wrong with it and where.

    {"id": 3, "kind": "column", "record": "person", "criteria": {"all": […]}, "group": "lead_status", "measure": "count", "width": 2, "height": 2}

`ready` names a tile of the library: what is not said is as it is there. A tile in which something cannot be read any more (a field, a list
item, a selection that is gone) has `problems` and shows no number.
"""

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from crm import criteria, records
from crm.criteria import CriteriaError
from crm.fields import Asking, Field, Moment
from crm.records import RecordType
from crm.web.formats import in_sentence
from dashboards.models import MAX_COLUMNS
from dashboards.tiles import colours, periods
from dashboards.tiles.buckets import UNITS
from dashboards.tiles.measures import MEASURES, Measure, measurable
from selections.members import problems as wrong_with
from selections.models import RecordKind, Selection

KINDS = {
    "number": gettext_lazy("Big number"), "column": pgettext_lazy("chart", "Columns"), "bar": gettext_lazy("Bars"), "line": pgettext_lazy("chart", "Line"),
    "area": gettext_lazy("Area"), "combo": gettext_lazy("Columns and line"), "pie": gettext_lazy("Pie"), "donut": gettext_lazy("Doughnut"),
    "gauge": gettext_lazy("Gauge"), "funnel": gettext_lazy("Funnel"), "list": gettext_lazy("List"), "table": gettext_lazy("Table"),
    "text": gettext_lazy("Text"),
}  # fmt: skip
GROUPED = {"column", "bar", "line", "area", "combo", "pie", "donut", "table"}
IN_SERIES = {"column", "bar", "line", "area", "table"}
COMPARING = {"number", "column", "line", "area"}
WITH_TARGET = {"number", "gauge"}
MOST_ROWS, MOST_PARTS, MAX_TEXT, MAX_HEIGHT = 100, 50, 4_000, 6
#: What may stand in a tile, with the type of each.
KNOWN = {
    "id": int, "ready": str, "kind": str, "title": str, "width": int, "height": int, "record": str, "selection": int, "criteria": dict, "group": str,
    "bucket": str, "series": str, "measure": str, "value": str, "goal": dict, "line_measure": str, "line_value": str, "line_goal": dict,
    "date": str, "period": str, "compare": str, "target": str, "columns": list, "sort": str, "limit": int, "order": str, "colour": str,
    "decimals": int, "text": str, "stacked": bool,
}  # fmt: skip


@dataclass
class Tile:
    """A tile that was read. `problems` lists (name, sentence); with one of them it shows no number."""

    raw: dict
    asking: Asking
    kind: str = "number"
    record: RecordType | None = None
    selection: Selection | None = None
    tree: dict | None = None
    group: Field | None = None
    bucket: str = ""
    series: Field | None = None
    measure: Measure = field(default_factory=Measure)
    line: Measure | None = None
    date: Field | None = None
    period: str = ""
    compare: str = ""
    target: Decimal | None = None
    columns: list[str] = field(default_factory=list)
    limit: int = 0
    sort: str = ""
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def pk(self) -> int:
        return self.raw.get("id", 0)

    @property
    def width(self) -> int:
        return min(max(self.raw.get("width", 1), 1), MAX_COLUMNS)

    @property
    def height(self) -> int:
        return min(max(self.raw.get("height", 2), 1), MAX_HEIGHT)

    def wrong(self, name, message):
        self.problems.append((name, str(message)))


def whole(raw) -> dict:
    """Return a tile with what the library says of a ready one."""
    from dashboards.tiles.ready import READY

    known = READY.get(raw.get("ready", "")) if isinstance(raw.get("ready", ""), str) else None
    return {**known.spec, **raw} if known else dict(raw)


def title_of(raw) -> str:
    """Return what a tile is called: its own title, that of the library, or what it shows."""
    from dashboards.tiles.ready import READY

    if raw.get("title"):
        return str(raw["title"])
    ready = READY.get(raw.get("ready", ""))
    if ready:
        return str(ready.title)
    record = records.get(raw["record"]) if raw.get("record") in RecordKind.values else None
    by = record.fields.get(raw.get("group", "")) if record and raw.get("kind") in GROUPED else None
    if by:
        return _("%(records)s by %(field)s") % {"records": record.plural, "field": in_sentence(by.label)}
    return str(record.plural if record else KINDS.get(raw.get("kind", ""), _("Tile")))


def read(raw, asking) -> Tile:
    """Return the tile; whatever is wrong is among its problems."""
    tile = Tile(whole(raw), asking)
    for name, value in tile.raw.items():
        kind = KNOWN.get(name)
        if kind is None or not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            tile.wrong(name, _("This setting of a tile is not known."))
    if tile.problems:
        return tile
    tile.kind = tile.raw.get("kind", "")
    if tile.kind not in KINDS:
        tile.wrong("kind", _("There are no tiles of this kind."))
    elif tile.kind == "text":
        if len(tile.raw.get("text", "")) > MAX_TEXT:
            tile.wrong("text", _("At most %(count)s characters.") % {"count": MAX_TEXT})
    else:
        _read_records(tile)
        if tile.record:
            _read_shape(tile)
            _read_measures(tile)
            _read_time(tile)
    _read_look(tile)
    return tile


def _read_records(tile):
    """Which records: of a type, by criteria, or the members of a selection."""
    raw, asking = tile.raw, tile.asking
    name = raw.get("record", "person")
    if "selection" in raw:
        tile.selection = Selection.objects.visible_to(asking.user).filter(pk=raw["selection"]).first()
        if tile.selection is None:
            return tile.wrong("selection", _("Its selection was deleted, or is not shared with you. Choose another one."))
        name = tile.selection.record_type
        for place, message in wrong_with(tile.selection, asking):
            tile.wrong(
                "selection", f"{tile.selection.name}: {place}: {message}" if place else f"{tile.selection.name}: {message}"
            )
    if name not in RecordKind.values:
        return tile.wrong("record", _("There are no tiles of such records."))
    tile.record = records.get(name)
    tile.tree = checked(tile, "criteria")[0]


def checked(tile, name, record=None) -> tuple[dict | None, Q]:
    """Return (tree, condition) of the criteria under this name; their errors are problems of the tile."""
    if not tile.raw.get(name):
        return None, Q()
    try:
        read = criteria.parse(record or tile.record, tile.raw[name], tile.asking)
        return (read.tree, read.q(tile.asking)) if read.active else (None, Q())
    except (CriteriaError, ValidationError) as error:
        for message in error.told if isinstance(error, CriteriaError) else error.messages:
            tile.wrong(name, message)
        return None, Q()


def _field(tile, name, usable, message):
    """Return the field a setting names, or None; one that is gone or cannot be used is a problem."""
    wanted = tile.raw.get(name, "")
    if not wanted:
        return None
    found = tile.record.fields.get(wanted)
    if found is None:
        return tile.wrong(name, _("There is no field “%(name)s” any more. Choose another one.") % {"name": wanted[:60]})
    if not usable(found):
        return tile.wrong(name, message % {"name": found.label})
    return found


def groupable(one) -> bool:
    return one.group or datable(one)


def datable(one) -> bool:
    return isinstance(one, Moment) and one.filter and not one.takes_where


def _read_shape(tile):
    raw = tile.raw
    if tile.kind in GROUPED:
        tile.group = _field(tile, "group", groupable, _("Nothing can be grouped by “%(name)s”."))
        if tile.group is None and not tile.problems:
            tile.wrong("group", _("Choose what it is grouped by."))
        if isinstance(tile.group, Moment):
            tile.bucket = raw.get("bucket", "month")
            if tile.bucket not in UNITS:
                tile.wrong("bucket", _("This is no valid choice."))
    if tile.kind in IN_SERIES:
        tile.series = _field(tile, "series", lambda one: one.group, _("Nothing can be grouped by “%(name)s”."))
        if tile.series and tile.series is tile.group:
            tile.series = None
    if tile.kind == "funnel" and tile.record.name != "person":
        tile.wrong("record", _("The funnel is one of persons."))
    tile.limit = raw.get("limit", 10 if tile.kind == "list" else 0)
    if not 0 <= tile.limit <= (MOST_ROWS if tile.kind == "list" else MOST_PARTS):
        tile.wrong("limit", _("Between 1 and %(most)s.") % {"most": MOST_ROWS if tile.kind == "list" else MOST_PARTS})
    if tile.kind == "list":
        tile.columns = [name for name in raw.get("columns", []) if isinstance(name, str)] or tile.record.default_columns()[:4]
        for name in tile.columns:
            if name not in tile.record.fields:
                tile.wrong("columns", _("There is no field “%(name)s” any more. Choose another one.") % {"name": name[:60]})
        tile.sort = raw.get("sort", "")
        by = tile.record.fields.get(tile.sort.removeprefix("-"))
        if tile.sort and (by is None or not by.sort):
            tile.wrong("sort", _("A list cannot be sorted by this."))
    if raw.get("order", "") not in {"", "own", "value"}:
        tile.wrong("order", _("This is no valid choice."))


def _read_measures(tile):
    tile.measure = _measure(tile, "")
    if tile.kind == "combo":
        tile.line = _measure(tile, "line_")


def _measure(tile, prefix) -> Measure:
    raw, decimals = tile.raw, tile.raw.get("decimals")
    name = raw.get(f"{prefix}measure", "count")
    if name not in MEASURES:
        tile.wrong(f"{prefix}measure", _("This is no valid choice."))
        return Measure()
    if decimals is not None and not 0 <= decimals <= 2:
        tile.wrong("decimals", _("Between 0 and %(most)s.") % {"most": 2})
        decimals = None
    if name in {"sum", "average"}:
        known = measurable(tile.record)
        found = _field(tile, f"{prefix}value", lambda one: one in known, _("“%(name)s” cannot be added up."))
        if found is None:
            if not raw.get(f"{prefix}value"):
                tile.wrong(f"{prefix}value", _("Choose what is added up."))
            return Measure()
        return Measure(name, found, decimals=decimals)
    if name == "companies" and tile.selection and tile.record.name != "company":
        tile.wrong(f"{prefix}measure", _("Of a selection its records are counted, not their companies."))
    if name == "conversion":
        before = len(tile.problems)
        goal, condition = checked(tile, f"{prefix}goal")
        if goal is None and len(tile.problems) == before:
            tile.wrong(f"{prefix}goal", _("Say what those have reached whose share is shown."))
        return Measure(name, goal=goal, goal_q=condition, decimals=decimals)
    return Measure(name, decimals=decimals)


def _read_time(tile):
    raw = tile.raw
    tile.date = _field(tile, "date", datable, _("“%(name)s” is no date."))
    if tile.date is None and not raw.get("date"):
        tile.date = tile.group if isinstance(tile.group, Moment) else tile.record.fields["created_at"]
    tile.period = raw.get("period", "")
    tile.compare = raw.get("compare", "") if tile.kind in COMPARING else ""
    if tile.compare not in periods.COMPARED:
        tile.wrong("compare", _("This is no valid choice."))
    try:
        if tile.period:
            periods.days_of(tile.period, tile.asking.today)
    except ValidationError as error:
        tile.wrong("period", " ".join(error.messages))
    if tile.kind in WITH_TARGET and raw.get("target"):
        try:
            tile.target = Decimal(raw["target"].replace(",", "."))
            if not 0 < tile.target < 10**13:
                raise InvalidOperation
        except InvalidOperation:
            tile.target = None
            tile.wrong("target", _("Enter a number."))
    if tile.kind == "gauge" and tile.target is None and tile.measure.name != "conversion" and not raw.get("target"):
        tile.wrong("target", _("A gauge needs a target."))


def _read_look(tile):
    if tile.raw.get("colour", "") not in {"", *colours.NAMES}:
        tile.wrong("colour", _("This is no valid choice."))
    for name, most in (("width", MAX_COLUMNS), ("height", MAX_HEIGHT)):
        if not 1 <= tile.raw.get(name, 1) <= most:
            tile.wrong(name, _("Between 1 and %(most)s.") % {"most": most})
    if len(tile.raw.get("title", "")) > 120:
        tile.wrong("title", _("At most %(count)s characters.") % {"count": 120})
    if not _storable(tile.raw):
        tile.wrong("title", _("This text contains characters that cannot be stored."))


def _storable(raw):
    """Tell whether each database can store it: without NUL, and without halves of signs."""
    text = json.dumps(raw, ensure_ascii=False).replace("\\\\", "")
    return "\\u0000" not in text and not re.search("[\ud800-\udfff]", text)


def clean(raw, asking) -> dict[str, Any]:
    """Return a tile as it may be stored; raise ValidationError by setting. What equals the library's is left to it."""
    tile = read(raw, asking)
    if tile.problems:
        errors: dict[str, list[str]] = {}
        for name, message in tile.problems:
            errors.setdefault(name, []).append(message)
        raise ValidationError(errors)
    return {name: value for name, value in raw.items() if name in KNOWN}
