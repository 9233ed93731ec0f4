"""A box on the map, and the places that hits are about. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from django.db.models import Q

Position = tuple[float, float]  # latitude, longitude in degrees


@dataclass(frozen=True, slots=True)
class Box:
    """Degrees; `west` lies east of `east` where the box crosses the date line."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "west,south,east,north"; raise ValueError."""
        west, south, east, north = map(float, text.split(","))
        if not (abs(west) <= 180 and abs(east) <= 180 and -90 <= south <= north <= 90):
            raise ValueError("no such place on earth")
        return cls(west, south, east, north)

    def __str__(self) -> str:
        return ",".join(f"{round(degrees, 3):g}" for degrees in (self.west, self.south, self.east, self.north))

    def condition(self, to_passage: str = "") -> Q:
        latitude, longitude = f"{to_passage}latitude", f"{to_passage}longitude"
        inside = Q(**{f"{latitude}__gte": self.south, f"{latitude}__lte": self.north})
        west, east = Q(**{f"{longitude}__gte": self.west}), Q(**{f"{longitude}__lte": self.east})
        return inside & (west & east if self.west <= self.east else west | east)


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the map, and how many hits are about it."""

    place: str
    latitude: float
    longitude: float
    count: int


def points(places: Iterable[tuple[str, Position]]) -> tuple[Point, ...]:
    """Count the hits at each place, most first; `places`: the main place of each hit that has one."""
    counts = Counter(places)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Point(place, *position, count) for (place, position), count in ordered)
