"""What a tile shows, counted: plain values, so that it can be kept for a while and drawn by whoever reads it."""

import datetime
from dataclasses import dataclass, field
from typing import Any

from dashboards.tiles.question import Part


@dataclass(frozen=True)
class Cell:
    """One number: `value` is drawn, `text` read; `records` stand behind it, in the list of `part`."""

    value: float | None
    text: str
    records: int
    part: Part
    of: int = 0


@dataclass(frozen=True)
class Head:
    """A place of the axis, or a part of a ring."""

    key: str
    label: str
    colour: str = ""


@dataclass(frozen=True)
class Series:
    """Numbers that belong together, one for each place."""

    key: str
    label: str
    colour: str
    unit: str
    cells: tuple[Cell | None, ...]
    line: bool = False


@dataclass(frozen=True)
class Step:
    """A step of the funnel: how many got so far, of those before and of all, and the days that took half of them."""

    label: str
    cell: Cell
    of_before: str = ""
    of_all: str = ""
    days: str = ""


@dataclass
class Result:
    """A tile's numbers. With `problems` there are none; `facts` say of which time and what they are."""

    kind: str
    at: datetime.datetime
    on: datetime.date
    facts: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    total: Cell | None = None
    earlier: Cell | None = None
    earlier_label: str = ""
    change: str = ""  # against the earlier number, in words
    direction: str = ""  # up, down or same
    target: float | None = None
    target_text: str = ""
    target_share: str = ""  # how much of the target was reached, where that is no share itself
    steps: list[Step] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)
    text: str = ""
    label: str = ""
    stacked: bool = False
    colour: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        if self.kind in {"number", "gauge", "text"}:
            return False
        if self.kind == "funnel":
            return not self.steps or not self.steps[0].cell.records
        if self.kind == "list":
            return not self.rows
        return not any((cell and cell.records) or (cell and cell.of) for series in self.series for cell in series.cells)
