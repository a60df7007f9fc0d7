"""A tile as a table: the alternative of every chart on the page, and its data as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from crm.fields import Cell as ListCell
from dashboards.tiles.result import Cell, Result


@dataclass(frozen=True)
class Table:
    """Heads and rows; each cell is a text or a number that leads to its records."""

    heads: list[str]
    rows: list[tuple[str, list[Cell | str | None]]]


def of(result: Result) -> Table:
    """Return what a chart shows, as heads and rows."""
    if result.kind == "funnel":
        heads = [_("Step"), _("Count"), _("Of the step before"), _("Of all"), _("Median days")]
        return Table(heads, [(step.label, [step.cell, step.of_before, step.of_all, step.days]) for step in result.steps])
    if result.kind in {"number", "gauge"}:
        rows: list[tuple[str, list[Cell | str | None]]] = [(result.label, [result.total])]
        if result.earlier:
            rows.append((result.earlier_label, [result.earlier]))
        if result.target_text:
            rows.append((_("Target"), [result.target_text]))
        return Table(["", _("Value")], rows)
    heads = ["", *(series.label for series in result.series)]
    rows = [(head.label, [series.cells[place] for series in result.series]) for place, head in enumerate(result.heads)]
    return Table(heads, rows)


def values(result: Result) -> Iterator[list]:
    """Yield the heading and the rows of a file: numbers where they are numbers."""
    if result.kind == "text":
        yield [result.text]
    elif result.kind == "list":
        yield [column["label"] for column in result.columns]
        for _url, _name, cells, _links in result.rows:
            yield [_plain(cell) for cell in cells]
    else:
        table = of(result)
        yield table.heads
        for label, cells in table.rows:
            yield [label, *(_value(cell) for cell in cells)]


def _plain(cell: ListCell):
    return " · ".join(filter(None, [str(cell.text), str(cell.sub)]))


def _value(cell):
    if not isinstance(cell, Cell):
        return cell
    if cell.value is None:
        return ""
    number = Decimal(str(cell.value))
    return int(number) if number == number.to_integral_value() else number
