"""What the browser needs to draw a tile: numbers, words, colours and where each leads, as JSON (static/lotse/chart*.js)."""

import json
from urllib.parse import urlencode

from django.conf import settings

from dashboards.tiles.result import Cell, Result

#: Servers refuse an address that is longer (gunicorn: 4,094 with method and version).
LONGEST = 3_900
CHARTS = {"column", "bar", "line", "area", "combo", "pie", "donut", "gauge", "funnel"}


def link(cell: Cell, address, filters, on) -> str:
    """Return where a number leads: to the list behind it; nothing where no address holds what it asks."""
    part = {name: value for name, value in (("x", cell.part.x), ("s", cell.part.s), ("of", cell.part.of)) if value}
    link = f"{address}?{urlencode({**part, 'n': cell.records, 'on': on.isoformat(), **filters.given})}"
    return link if len(link) <= LONGEST else ""


def chart(result: Result | None, address, filters) -> str:
    """Return the chart as JSON, or nothing where there is none to draw."""
    if result is None or result.problems or result.kind not in CHARTS or result.is_empty:
        return ""

    def point(cell):
        if cell is None:
            return None
        made = {"v": cell.value, "t": cell.text}
        if cell.records:
            made["u"] = link(cell, address, filters, result.on) if address else ""
        return made

    drawn = {
        "kind": result.kind,
        "colour": result.colour,
        "currency": settings.BASE_CURRENCY,
        "heads": [{"label": head.label, "colour": head.colour} for head in result.heads],
        "series": [
            {"label": one.label, "colour": one.colour, "unit": one.unit, "line": one.line, "earlier": one.key == "earlier",
             "points": [point(cell) for cell in one.cells]}
            for one in result.series
        ],
        "total": point(result.total),
    }  # fmt: skip
    if result.kind == "gauge":
        drawn |= {"target": result.target, "targetText": result.target_text, "targetShare": result.target_share}
    if result.kind == "funnel":
        drawn["steps"] = [
            {"label": step.label, "point": point(step.cell), "before": step.of_before, "all": step.of_all, "days": step.days}
            for step in result.steps
        ]
    if result.stacked:
        drawn["stacked"] = True
    return json.dumps(drawn, ensure_ascii=False, separators=(",", ":"))
