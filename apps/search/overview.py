"""What stands around the hits and filters by a click: counts by facet, the timeline, the map. Pure.

Each value, bar and dot carries the search one click away, so that all of it works as plain links.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import sqrt

from apps.search.area import Point
from apps.search.facets import Facet, Step, Timeline
from apps.search.links import query_string, with_value, without_value
from apps.search.outcome import Asked, Outcome

#: So many values of a facet are shown at once, the others on demand.
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet; `query_string` is the search with it, or without it where it is on."""

    label: str
    count: int
    is_on: bool
    query_string: str


@dataclass(frozen=True, slots=True)
class Choices:
    name: str
    label: str
    shown: tuple[Choice, ...]
    more: tuple[Choice, ...]


def choices(outcome: Outcome) -> Iterator[Choices]:
    """Yield the facets that can narrow the search, or are narrowing it."""
    for facet in outcome.facets:
        values = _choices(outcome.asked, facet)
        if len(values) > 1 or any(value.is_on for value in values):
            yield Choices(facet.name, facet.label, values[:SHOWN], values[SHOWN:])


def _choices(asked: Asked, facet: Facet) -> tuple[Choice, ...]:
    def other(value: str, *, is_on: bool) -> str:
        change = without_value if is_on else with_value
        return query_string(change(asked, facet.name, value))

    chosen_first = sorted(facet.values, key=lambda value: not value.is_on)
    return tuple(
        Choice(value.label, value.count, value.is_on, other(value.value, is_on=value.is_on)) for value in chosen_first
    )


# -- Timeline ------------------------------------------------------------------------------------

WIDTH, HEIGHT = 1000, 48
_GAP = 0.15  # of a bar's room
_LEAST = 3  # a single hit is seen beside a thousand


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    left: float  #: of the room that can be clicked, which has the height of the whole strip
    room: float
    label: str
    count: int
    since: date
    until: date
    query_string: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The timeline as bars in a drawing of `WIDTH` by `HEIGHT`."""

    bars: tuple[Bar, ...]
    step: Step
    first: str
    last: str
    undated: int
    total: int


def strip(timeline: Timeline | None, asked: Asked) -> Strip | None:
    if timeline is None:
        return None
    room = WIDTH / len(timeline.bins)
    bars = []
    for number, bin_ in enumerate(timeline.bins):
        height = max(_LEAST, round(bin_.count / timeline.highest * HEIGHT, 1)) if bin_.count else 0
        bars.append(
            Bar(
                x=round((number + _GAP / 2) * room, 1),
                y=HEIGHT - height,
                width=round(room * (1 - _GAP), 1),
                height=height,
                left=round(number * room, 1),
                room=round(room, 1),
                label=_span(bin_.since, bin_.until),
                count=bin_.count,
                since=bin_.since,
                until=bin_.until,
                query_string=query_string(replace(asked, since=bin_.since, until=bin_.until)),
            )
        )
    first, last = timeline.bins[0].since, timeline.bins[-1].until
    total = sum(bin_.count for bin_ in timeline.bins)
    return Strip(tuple(bars), timeline.step, _day(first), _day(last), timeline.undated, total)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _span(since: date, until: date) -> str:
    return _day(since) if since == until else f"{_day(since)} to {_day(until)}"


# -- Map -----------------------------------------------------------------------------------------

_MARGIN = 0.15
_NARROWEST = 16.0  # degrees: the outline is not made for looking closer
_RADIUS = 0.035  # of the map's width, for the place with most hits
_SMALLEST = 0.008
_MOST_DOTS = 100


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    radius: float
    label: str
    count: int
    query_string: str


@dataclass(frozen=True, slots=True)
class Map:
    """Dots on the outline of static/img/world.svg: x is the longitude from 180° W, y the latitude from 90° N."""

    x: float
    y: float
    width: float
    height: float
    dots: tuple[Dot, ...]
    total: int

    @property
    def view_box(self) -> str:
        return f"{self.x:g} {self.y:g} {self.width:g} {self.height:g}"

    @property
    def fragment(self) -> str:
        """Return the part of world.svg that lies under the dots, as an address names it."""
        return f"svgView(viewBox({self.x:g},{self.y:g},{self.width:g},{self.height:g}))"


def map_of(points: Sequence[Point], asked: Asked) -> Map | None:
    """Draw the places of the hits, the part of the world with all of them; a click on one takes it as the filter."""
    if not points:
        return None
    x, y, width = _extent([(point.longitude + 180, 90 - point.latitude) for point in points])
    most = points[0].count
    dots = [
        Dot(
            x=round(point.longitude + 180, 2),
            y=round(90 - point.latitude, 2),
            radius=round(width * max(_SMALLEST, _RADIUS * sqrt(point.count / most)), 2),
            label=point.place,
            count=point.count,
            query_string=query_string(with_value(replace(asked, places=()), "place", point.place)),
        )
        for point in points[:_MOST_DOTS]
    ]
    return Map(x, y, width, width / 2, tuple(dots), total=sum(point.count for point in points))


def _extent(positions: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return x, y and width of a part of the world, twice as wide as high, that holds all positions and some room."""
    left, right = min(x for x, _ in positions), max(x for x, _ in positions)
    top, bottom = min(y for _, y in positions), max(y for _, y in positions)
    needed = max(right - left, 2 * (bottom - top)) * (1 + 2 * _MARGIN)
    width = round(min(360.0, max(_NARROWEST, needed)), 1)
    x = min(max(0.0, (left + right - width) / 2), 360 - width)
    y = min(max(0.0, (top + bottom - width / 2) / 2), 180 - width / 2)
    return round(x, 1), round(y, 1), width
