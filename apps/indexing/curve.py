"""Geometry of a certificate's curve: recall@10 by ef_search, on a log scale. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 16, 44


@dataclass(frozen=True, slots=True)
class Spot:
    x: float
    y: float
    ef_search: int
    recall: float
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across at a recall."""

    y: float
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Positions in the units of the view box."""

    spots: tuple[Spot, ...]
    marks: tuple[Mark, ...]
    floor_y: float | None  #: None where the floor is below the picture

    left, right, bottom = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM
    view_box = f"0 0 {WIDTH} {HEIGHT}"

    @property
    def line(self) -> str:
        return " ".join(f"{spot.x},{spot.y}" for spot in self.spots)


def draw(points: Sequence[Mapping[str, float]], *, chosen: int, floor: float) -> Curve | None:
    """Place each measured point; None where nothing was measured. The scale ends just below the lowest recall."""
    if len(points) < 2:
        return None
    lowest = min(point["recall"] for point in points)
    bottom = max(0.0, math.floor(min(lowest, floor) * 20 - 0.001) / 20)
    left, right = (math.log(points[end]["ef_search"]) for end in (0, -1))

    def x(ef_search: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (math.log(ef_search) - left) / (right - left), 1)

    def y(recall: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - recall) / (1 - bottom), 1)

    spots = tuple(
        Spot(x(p["ef_search"]), y(p["recall"]), int(p["ef_search"]), p["recall"], p["ef_search"] == chosen)
        for p in points
    )
    step = (1 - bottom) / 4
    marks = tuple(Mark(y(bottom + step * n), f"{bottom + step * n:.3f}".rstrip("0").rstrip(".")) for n in range(5))
    return Curve(spots=spots, marks=marks, floor_y=y(floor) if floor > bottom else None)
