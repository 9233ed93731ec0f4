"""What the hits are made of: counts by corpus, kind, hazard …, and how they spread over time.

Counted are the rows that a person can page through, so that counts, timeline and list agree, and so that
nothing is counted that this person may not read.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

Step = Literal["day", "week", "month", "year", "decade", "century", "millennium"]

MAX_VALUES = 20
MAX_BINS = 60


@dataclass(frozen=True, slots=True)
class FacetValue:
    value: str
    label: str
    count: int
    is_on: bool = False  #: chosen as a filter


@dataclass(frozen=True, slots=True)
class Facet:
    name: str  #: of the filter in a URL: "corpus", "kind", "hazard" …
    label: str
    values: tuple[FacetValue, ...]  #: commonest first


@dataclass(frozen=True, slots=True)
class Bin:
    since: date
    until: date  #: this day included
    count: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every step between the first and the last dated row, empty ones too."""

    step: Step
    bins: tuple[Bin, ...]
    undated: int

    @property
    def highest(self) -> int:
        return max(bin.count for bin in self.bins)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is counted of one row: a list of values for each facet."""

    values: Mapping[str, Sequence[str]]
    published_at: datetime | None


LABELS = {
    "corpus": "Corpus",
    "kind": "Kind",
    "hazard": "Hazard",
    "place": "Place",
    "event": "Event",
    "language": "Language",
    "source": "Source",
}


def count(
    rows: Sequence[Facts], *, chosen: Mapping[str, Sequence[str]], names: Mapping[str, Mapping[str, str]]
) -> tuple[Facet, ...]:
    """Count `rows` by each facet that any has a value of.

    chosen: the filters in force, listed even at nought, so that each can be dropped.
    names: by facet, how a value is called where that is not the value itself.
    """
    return tuple(
        facet
        for name in LABELS
        if (facet := _facet(name, rows, chosen=chosen.get(name, ()), names=names.get(name, {}))).values
    )


def _facet(name: str, rows: Sequence[Facts], *, chosen: Sequence[str], names: Mapping[str, str]) -> Facet:
    counts = Counter(value for row in rows for value in set(row.values.get(name, ())) if value)
    commonest = sorted(counts, key=lambda value: (-counts[value], value))
    listed = [*commonest[:MAX_VALUES], *(value for value in chosen if value not in commonest[:MAX_VALUES])]
    values = (FacetValue(value, names.get(value, value), counts[value], value in chosen) for value in listed)
    return Facet(name, LABELS[name], tuple(values))


def timeline(rows: Sequence[Facts]) -> Timeline | None:
    """Return the rows by date in steps as fine as `MAX_BINS` allow; None where they lie in one day."""
    days = [row.published_at.date() for row in rows if row.published_at]
    if not days or min(days) == max(days):
        return None
    first, last = min(days), max(days)
    step = next(step for step, length in _LENGTHS.items() if (last - first).days / length < MAX_BINS)
    counts = Counter(_start(day, step) for day in days)
    bins = (Bin(start, end, counts[start]) for start, end in _spans(first, last, step))
    return Timeline(step, tuple(bins), undated=len(rows) - len(days))


# Days in a step. One document dated wrongly may lie millennia from the others: the last step has room for every date.
_LENGTHS: Mapping[Step, int] = {
    "day": 1, "week": 7, "month": 30, "year": 365, "decade": 3_652, "century": 36_524, "millennium": 365_242,
}  # fmt: skip
_YEARS: Mapping[Step, int] = {"year": 1, "decade": 10, "century": 100, "millennium": 1_000}


def _start(day: date, step: Step) -> date:
    if step == "week":
        return date.fromordinal(max(1, day.toordinal() - day.weekday()))
    if step == "month":
        return day.replace(day=1)
    if step == "day":
        return day
    return date(max(date.min.year, day.year - day.year % _YEARS[step]), 1, 1)


def _end(start: date, step: Step) -> date:
    """Return the last day of the step that `start` lies in."""
    if step in _YEARS:
        return date(start.year - start.year % _YEARS[step] + _YEARS[step] - 1, 12, 31)
    if step == "month":
        return start.replace(day=monthrange(start.year, start.month)[1])
    days_more = 6 - start.weekday() if step == "week" else 0
    return date.fromordinal(min(date.max.toordinal(), start.toordinal() + days_more))


def _spans(first: date, last: date, step: Step) -> Iterator[tuple[date, date]]:
    """Yield first and last day of every step from that of `first` to that of `last`."""
    start = _start(first, step)
    while (end := _end(start, step)) < last:
        yield start, end
        start = end + timedelta(days=1)
    yield start, end
