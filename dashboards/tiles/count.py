"""Counting a tile: its whole, its parts, its rows. Each number carries the part of the question that it answers."""

from django.db.models import Max, Min
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.fields import Choice, Day, Fixed, Moment, YesNo
from crm.tables.order import Unordered
from crm.tables.table import Table
from crm.web import formats
from dashboards.tiles import buckets, colours, funnel, periods
from dashboards.tiles.measures import adds, shortest
from dashboards.tiles.question import EARLIER, LINE, NONE, Part, Question, all_but, stands_for
from dashboards.tiles.result import Cell, Head, Result, Series
from dashboards.tiles.spec import MOST_PARTS, Tile

MOST_SERIES = 12
RING_PARTS = 9


def count(tile: Tile, filters, theme="calm") -> Result:
    """Return what the tile shows now."""
    # A text is the same whatever the filters ask, and whether or not they are understood.
    problems = [*tile.problems, *(filters.errors if tile.kind != "text" else ())]
    result = Result(tile.kind, timezone.now(), tile.asking.today, problems=problems)
    if result.problems:
        return result
    if tile.kind == "text":
        result.text = tile.raw.get("text", "")
        return result
    question = Question(tile, filters)
    result.label = tile.measure.label(tile.record)
    result.stacked, result.colour = bool(tile.raw.get("stacked")), tile.raw.get("colour", "")
    result.facts = facts(question)
    {"number": _number, "gauge": _number, "list": _list, "funnel": funnel.fill}.get(tile.kind, _parts)(result, question, theme)
    return result


def facts(question) -> list[str]:
    """Return what is said beneath a tile: its selection and its time."""
    tile, told = question.tile, []
    if tile.selection:
        told.append(tile.selection.name)
    if question.period:
        told.append(_("%(date)s: %(period)s") % {"date": tile.date.label, "period": periods.words(question.period)})
    return told


def cell(amount, part) -> Cell:
    return Cell(None if amount.value is None else float(amount.value), amount.text, amount.records, part, amount.of)


def whole(question, measure, days, part) -> Cell:
    """Return the number of all records of these days."""
    found = measure.narrowed(question.records(question.tree(days)), question.tile.asking).order_by()
    return cell(measure.amount(found.aggregate(**measure.aggregates(found))), part)


# --- One number ---------------------------------------------------------------------------------------------------------


def _number(result, question, theme):
    tile = question.tile
    result.total = whole(question, tile.measure, question.days, Part())
    if tile.target is not None:
        result.target, result.target_text = float(tile.target), _target_text(tile)
        if tile.measure.unit != "percent" and result.total.value is not None:
            result.target_share = formats.percent(round(100 * result.total.value / result.target))
    elif tile.kind == "gauge":
        result.target, result.target_text = 100.0, formats.percent(100)
    if question.earlier:
        result.earlier = whole(question, tile.measure, question.earlier, Part(of=EARLIER))
        result.earlier_label = _earlier_label(question)
        now, before = result.total.value, result.earlier.value
        if now is not None and before:
            percent = round((now - before) / abs(before) * 100)
            sign = {1: "+", -1: "\N{MINUS SIGN}"}.get((percent > 0) - (percent < 0), "±")
            result.change = sign + formats.percent(abs(percent))
            result.direction = "up" if percent > 0 else "down" if percent < 0 else "same"


def _target_text(tile) -> str:
    return formats.percent(shortest(tile.target)) if tile.measure.unit == "percent" else tile.measure.text(tile.target)


def _earlier_label(question) -> str:
    """Return what one compares with, in words: *Year before: 1 Jan – 29 Nov 2025*."""
    told = _("Year before: %(days)s") if question.tile.compare == "year" else _("Before: %(days)s")
    return told % {"days": span(*question.earlier)}


def span(first, last) -> str:
    """Return days in words, short: their year once where it is the same."""
    if first == last:
        return formats.date(first)
    return f"{formats.date(first) if first.year != last.year else formats.date_without_year(first)} – {formats.date(last)}"


# --- Rows ---------------------------------------------------------------------------------------------------------------


def _list(result, question, theme):
    tile = question.tile
    found = question.records(question.tree(question.days))
    state = {"cols": ",".join(tile.columns), "group": "", "per": "200" if tile.limit > 50 else "50"}
    asked = QueryDict(mutable=True)
    asked.update(state | ({"sort": tile.sort} if tile.sort else {}))
    table = Table(tile.record, found, tile.asking.user, asked, key="tile", url="")
    result.columns = [{"label": str(one.label), "kind": one.kind} for one in table.columns]
    links = {number: table.link(number, 0).removesuffix("0/") for number in range(len(table.columns))}
    result.rows = [(row.url, row.name, row.cells, links) for row in table.rows[: tile.limit]]
    number = len(table.rows) if len(table.rows) < table.per else found.order_by().count()
    result.total = Cell(number, formats.number(number), number, Part())


# --- Parts --------------------------------------------------------------------------------------------------------------


def _parts(result, question, theme):
    tile = question.tile
    if tile.bucket:
        heads, spans = _time_heads(result, question)
    else:
        heads, spans = None, {}
    if result.problems:
        return
    counted = _counted(question, tile.measure, question.days, spans.get("now"))
    heads = heads if heads is not None else _value_heads(question, counted, theme)
    result.heads = heads
    series = _series_heads(question, counted, theme)
    for number, (keys, label, colour) in enumerate(series):
        cells = tuple(_cell(question, counted, tile.measure, head.key, keys) for head in heads)
        name = label or tile.measure.label(tile.record)
        own = colour or colours.of(theme, number, tile.raw.get("colour", ""))
        result.series.append(Series(keys, name, own, tile.measure.unit, cells))
    if tile.kind == "combo":
        second = _counted(question, tile.line, question.days, spans.get("now"))
        cells = tuple(_cell(question, second, tile.line, head.key, "", LINE) for head in heads)
        result.series.append(Series(LINE, tile.line.label(tile.record), colours.of(theme, 5), tile.line.unit, cells, line=True))
    if spans.get("earlier"):
        before = _counted(question, tile.measure, question.earlier, spans["earlier"])
        keys = [bucket.key for bucket in spans["earlier"]][: len(heads)]
        cells = tuple(_cell(question, before, tile.measure, key, "", EARLIER) for key in keys)
        cells += (None,) * (len(heads) - len(cells))
        if any(cell and cell.of for cell in cells):  # else there is nothing to see of it
            result.series.append(Series(EARLIER, _earlier_label(question), "grey", tile.measure.unit, cells))
    if tile.measure.adds_up:
        result.total = cell(tile.measure.amount(adds(row for rows in counted.values() for row in rows)), Part())
    else:
        result.total = whole(question, tile.measure, question.days, Part())


def _time_heads(result, question):
    """Return (heads of the axis, the buckets of each time), or a problem."""
    tile = question.tile
    days = question.days if tile.group is tile.date else None
    if days is None:
        days = _dates_there(question)
    without = [Head(NONE, _("without a date"))] if _may_be_empty(question, question.days) else []
    if days is None:
        return without, {"now": []}
    now = buckets.between(tile.bucket, *days)
    if now is None:
        result.problems.append(("bucket", _("That makes more than %(count)s columns. Choose longer ones, or a shorter period.") % {
            "count": buckets.MOST}))  # fmt: skip
        return [], {}
    heads = [*(Head(bucket.key, bucket.label) for bucket in now), *without]
    earlier = None
    if question.earlier and tile.group is tile.date and not tile.series:
        earlier = buckets.between(tile.bucket, *question.earlier)
    return heads, {"now": now, "earlier": earlier}


def _dates_there(question):
    """Return the days of the first and the last date there is, or None."""
    tile = question.tile
    found = question.records(question.tree(question.days)).filter(tile.group.condition("not_empty", None, tile.asking))
    ends = found.order_by().aggregate(first=Min(tile.group.column), last=Max(tile.group.column))
    if ends["first"] is None:
        return None
    if isinstance(tile.group, Day):
        return ends["first"], ends["last"]
    return tuple(ends[name].astimezone(tile.asking.zone).date() for name in ("first", "last"))


def _begins(question):
    """Return the function that turns a day into what the grouped column holds."""
    return (lambda day: day) if isinstance(question.tile.group, Day) else question.tile.asking.start_of


def _counted(question, measure, days, spans) -> dict[tuple[str, str], list[dict]]:
    """Return {(key of the place, key of the series): rows of counted values}, by one statement (and one for those without a date)."""
    tile, asking = question.tile, question.tile.asking
    found = measure.narrowed(question.records(question.tree(days)), asking).order_by()
    columns, alias = {}, {}
    grouped = [one for one in (tile.group, tile.series) if one is not None and not isinstance(one, Moment)]
    for name in dict.fromkeys(name for one in grouped for name in one.part_columns):
        alias[name] = f"by_{len(alias)}"
        columns[alias[name]] = Unordered(name)
    counted: dict[tuple[str, str], list[dict]] = {}
    asked = measure.aggregates(found)

    def take(queryset, key=None):
        for row in queryset.values(**columns).annotate(**asked):
            values = {name: row[short] for name, short in alias.items()}
            x = key if key is not None else row["at"] if spans is not None else tile.group.part_key(values, asking) or NONE
            x = spans[x].key if isinstance(x, int) and spans is not None else x
            s = (tile.series.part_key(values, asking) or NONE) if tile.series else ""
            counted.setdefault((x, s), []).append({name: row[name] for name in asked})

    if spans is None:
        take(found)
    elif spans:
        begins, column = _begins(question), tile.group.column
        inside = found.filter(
            **{f"{column}__gte": begins(spans[0].first), f"{column}__lt": begins(buckets.after("day", spans[-1].last))}
        )
        place = buckets.place(column, spans, begins)
        columns = {"at": place, **columns}
        take(inside)
        columns = {name: value for name, value in columns.items() if name != "at"}
    if spans is not None and _may_be_empty(question, days):
        empty = found.filter(tile.group.condition("empty", None, asking))
        if columns:
            take(empty, NONE)
        else:
            counted[NONE, ""] = [empty.aggregate(**asked)]
    return counted


def _may_be_empty(question, days):
    """Tell whether some of the records may have no date to be grouped by: those of a period by that date have one."""
    grouped = question.tile.group
    return not grouped.required and not (days and grouped is question.tile.date)


def _rows(counted, x, s):
    """Return the rows of these parts; empty keys stand for all."""
    places, series = _among(x), _among(s)
    return [row for (place, one), rows in counted.items() if places(place) and series(one) for row in rows]


def _among(keys):
    """Return the function that tells whether a part is among those that these keys stand for."""
    named, others = stands_for(keys)
    named = set(named)
    return lambda key: not keys or (key in named) != others


def _cell(question, counted, measure, x, s, of="") -> Cell | None:
    rows, part = _rows(counted, x, s), Part(x, s, of)
    if len(rows) > 1 and not measure.adds_up:
        # A company that stands in two rows counts once.
        found = measure.narrowed(question.records(question.tree_of(part)), question.tile.asking).order_by()
        return cell(measure.amount(found.aggregate(**measure.aggregates(found))), part)
    return cell(measure.amount(adds(rows)), part)


def _value_heads(question, counted, theme) -> list[Head]:
    """Return the places of a field's values, those without records left out: in their own order or the largest first."""
    tile = question.tile
    measure = tile.measure
    sizes: dict[str, list[dict]] = {}
    for (x, _s), rows in counted.items():
        sizes.setdefault(x, []).extend(rows)
    parts = [(part.key or NONE, part.cell) for part in tile.group.parts(tile.asking) or []]
    there = [(key, shown) for key, shown in parts if any(row["m_n"] for row in sizes.get(key, ()))]
    own = tile.raw.get("order") or ("own" if isinstance(tile.group, Choice | YesNo) or _is_short(tile.group) else "value")
    if own == "value":
        worth = {key: measure.amount(adds(rows)).value or 0 for key, rows in sizes.items()}
        there.sort(key=lambda one: -worth[one[0]])
    most = tile.limit or (RING_PARTS if tile.kind in {"pie", "donut"} else MOST_PARTS)
    shown, rest = (there[:most], there[most:]) if len(there) > most + 1 else (there, [])
    heads = [Head(key, str(one.text), _colour(question, key, one, number, theme)) for number, (key, one) in enumerate(shown)]
    if rest:
        heads.append(Head(_others(tile.group, shown, rest), _("Others (%(count)s)") % {"count": len(rest)}, "grey"))
    return heads


def _others(grouped, shown, rest):
    """Return the keys of the parts that are not shown. A field that reads another's value names them, as its conditions do."""
    named = getattr(grouped, "through", None)
    return ",".join(key for key, *_more in rest) if named else all_but(key for key, *_more in shown)


def _is_short(grouped):
    return isinstance(grouped, Fixed) and len(list(grouped.choices())) <= MOST_SERIES


def _colour(question, key, shown, number, theme):
    """Return the colour of a value: its own where it has one, else of the theme."""
    tile, own = question.tile, shown.data.get("colour", "")
    if own or key == NONE:
        return own or "grey"
    ring = tile.kind in {"pie", "donut"}
    if ring and isinstance(tile.group, Choice) and not tile.group.through:
        item = next((one for one in tile.group.options(tile.asking) if str(one.pk) == key), None)
        own = getattr(item, "colour", "grey")
        if own != "grey":
            return own
    return colours.of(theme, number, tile.raw.get("colour", "")) if ring else ""


def _series_heads(question, counted, theme) -> list[tuple[str, str, str]]:
    """Return (keys, label, colour) of the series in their own order; without a second group there is one."""
    tile = question.tile
    if not tile.series:
        return [("", "", "")]
    there = {s for (_x, s), rows in counted.items() if any(row["m_n"] for row in rows)}
    found = [
        (key, str(part.cell.text), part.cell.data.get("colour", "") or ("grey" if key == NONE else ""))
        for part in tile.series.parts(tile.asking) or [] if (key := part.key or NONE) in there
    ]  # fmt: skip
    if len(found) > MOST_SERIES:
        stay, rest = found[: MOST_SERIES - 1], found[MOST_SERIES - 1 :]
        found = [*stay, (_others(tile.series, stay, rest), _("Others (%(count)s)") % {"count": len(rest)}, "grey")]
    return found
