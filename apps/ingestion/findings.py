"""What the files of an upload are about, as it was found in them: hazards, places, events, dates. One query for all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from django.db import connection

from apps.corpora.metadata import hazards

#: So many values of each are named, the commonest; the documents themselves have all.
NAMED = 3


@dataclass(slots=True)
class Findings:
    """Of one file; the commonest values first."""

    hazards: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    first: date | None = None
    last: date | None = None

    @property
    def values(self) -> list[str]:
        """Return in words what there is, a field after the other."""
        return [", ".join(found) for found in (self.hazards, self.places, self.events) if found] + self._dates

    @property
    def _dates(self) -> list[str]:
        if not self.first or not self.last:
            return []
        ends = [self.first] if self.first == self.last else [self.first, self.last]
        return [" to ".join(f"{day.day} {day:%b %Y}" for day in ends)]


def of_sources(sources: Collection[str], *, corpus_id: int) -> Mapping[str, Findings]:
    """Return by the SHA-256 of a file what was found in the documents made of it in this corpus."""
    if not sources:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, {"sources": list(sources), "corpus": corpus_id, "named": NAMED})
        rows = cursor.fetchall()
    found: dict[str, Findings] = {}
    for source, what, value, first, last in rows:
        findings = found.setdefault(source, Findings())
        if what == "date":
            findings.first, findings.last = first, last
        else:
            named = hazards.label_of(value) if what == "hazards" else value
            getattr(findings, what).append(named)
    return found


_FOUND = """
WITH made AS (
    SELECT source_id, hazards, places, event, published_at FROM corpora_document
    WHERE corpus_id = %(corpus)s AND source_id = ANY (%(sources)s)
), counted AS (
    SELECT source_id, what, value, row_number() OVER (PARTITION BY source_id, what ORDER BY count(*) DESC, value) AS place
    FROM (
        SELECT source_id, 'hazards' AS what, unnest(hazards) AS value FROM made
        UNION ALL SELECT source_id, 'places', unnest(places) FROM made
        UNION ALL SELECT source_id, 'events', event FROM made WHERE event <> ''
    ) AS told
    GROUP BY source_id, what, value
)
SELECT source_id, what, value, NULL::date, NULL::date FROM counted WHERE place <= %(named)s
UNION ALL
SELECT source_id, 'date', '', min(published_at AT TIME ZONE 'UTC')::date, max(published_at AT TIME ZONE 'UTC')::date
FROM made WHERE published_at IS NOT NULL GROUP BY source_id
"""
