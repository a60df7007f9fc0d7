"""What the template of a tile shows: its numbers, where each leads, and the chart as the browser draws it."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from dashboards.tiles import as_table, drawn, spec
from dashboards.tiles.kept import Shown


@dataclass(frozen=True)
class Box:
    """A tile on the page."""

    number: int
    title: str
    kind: str
    width: int
    height: int
    shown: Shown | None
    chart: str = ""
    table: Any = None
    address: str = ""
    filters: Any = None

    def link(self, cell) -> str:
        """Return where a number leads, or nothing."""
        if not self.address or cell is None or not cell.records:
            return ""
        return drawn.link(cell, self.address, self.filters, self.shown.result.on)


def context_of(dashboard, raw, shown, filters, linked=True) -> Box:
    """Return a tile as its template shows it; `shown` is None as long as it is to be fetched."""
    whole, number = spec.whole(raw), raw.get("id", 0)
    address = reverse("dashboards:open", args=[dashboard.pk, number]) if linked and number else ""
    result = shown.result if shown else None
    chart = drawn.chart(result, address, filters)
    sizes = spec.Tile(whole, None)
    is_table = result is not None and not result.problems and result.kind not in {"list", "text"}
    return Box(
        number, spec.title_of(raw), str(whole.get("kind", "")), min(sizes.width, dashboard.columns), sizes.height, shown, chart,
        as_table.of(result) if is_table else None, address, filters,
    )  # fmt: skip
