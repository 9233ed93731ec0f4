"""Geometry of the chart by intent: dots on a line from 0 to 100, one line an intent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.experiments.leaderboard import Row
from apps.retrievers.intents import Intent

WIDTH, LEFT, RIGHT = 720, 136, 24
LINE, TOP, BOTTOM = 44, 16, 32
TICKS = (0, 20, 40, 60, 80, 100)


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    figures: str  #: "published" or "measured": a ring or a disc
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    y: float
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    label: int
    x: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Positions in the units of the view box; all text beside them."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    height: int

    @property
    def view_box(self) -> str:
        return f"0 0 {WIDTH} {self.height}"

    @property
    def left(self) -> int:
        return LEFT

    @property
    def right(self) -> int:
        return WIDTH - RIGHT

    @property
    def bottom(self) -> int:
        return self.height - BOTTOM


def draw(rows: Sequence[Row]) -> Chart | None:
    """Place a dot for each score of each row; None when there is nothing to draw."""
    intents = [intent for intent in Intent if any(str(intent) in row.cells for row in rows)]
    if not intents:
        return None
    lines = tuple(_line(intent, rows, y=TOP + LINE * number + LINE / 2) for number, intent in enumerate(intents))
    ticks = tuple(Tick(tick, _x(tick)) for tick in TICKS)
    return Chart(lines, ticks, height=TOP + LINE * len(intents) + BOTTOM)


def _line(intent: Intent, rows: Sequence[Row], *, y: float) -> Line:
    scored = [(row, row.cells[str(intent)]) for row in rows if str(intent) in row.cells]
    # Measured last: a disc of ours is never hidden under a ring.
    scored.sort(key=lambda pair: pair[0].figures == "measured")
    dots = (
        Dot(_x(cell.score), y, row.figures, f"{row.system} ({row.figures}): {cell.score:.2f} on {intent}")
        for row, cell in scored
    )
    return Line(str(intent), y, tuple(dots))


def _x(score: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * score / 100, 1)
