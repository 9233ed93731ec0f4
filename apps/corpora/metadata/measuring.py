"""How often what is found about documents is right, against labels made by reading them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from apps.corpora.duplicates.measuring import Score
from apps.corpora.metadata.finding import describe
from apps.corpora.metadata.subject import Subject

FIELDS = ("hazards", "places", "event", "language")


def measure(labelled: Iterable[Mapping[str, Any]], rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Score]:
    """Score each field: what was found and is right, found and wrong, there to be found and missed.

    labelled: {"id", "kind", "year"} and the right value of each field; None where a reader could not tell.
    """
    totals = {field: Score(0, 0, 0) for field in FIELDS}
    for label in labelled:
        found = describe(subject_of(rows[label["id"]], kind=label["kind"], year=label.get("year")))
        for field in FIELDS:
            if label[field] is not None:
                totals[field] = _added(totals[field], _values(getattr(found, field)), _values(label[field]))
    return totals


def subject_of(row: Mapping[str, Any], *, kind: str, year: int | None) -> Subject:
    """Return a row of a test collection as the finders see it: the collection's own labels stay unseen."""
    moment = datetime(year, 1, 1, tzinfo=UTC) if year else None
    text = str(row["text"])
    return Subject(title=str(row["title"]) or text[:80], text=text, kind=kind, published_at=moment)


def _values(value: str | list[str]) -> set[str]:
    return set(value) if isinstance(value, list) else {value} - {""}


def _added(score: Score, found: set[str], right: set[str]) -> Score:
    return Score(score.right + len(found & right), score.wrong + len(found - right), score.missed + len(right - found))
