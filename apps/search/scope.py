"""Which passages may answer a search: permissions and filters, the same for every arm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.db.models import Q

from apps.corpora.models import Passage, PassageQuerySet


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """`corpora` are ids of corpora that the person may read; empty `kinds` and dates leave nothing out."""

    corpora: tuple[int, ...]
    kinds: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None  #: this day included

    def passages(self) -> PassageQuerySet:
        return Passage.objects.filter(self.condition())

    def condition(self, to_passage: str = "") -> Q:
        """Return the filter, for a model from which `to_passage` ("passage__") leads to the passage."""
        condition = Q(**{f"{to_passage}corpus_id__in": self.corpora})
        if self.kinds:
            condition &= Q(**{f"{to_passage}kind__in": self.kinds})
        if self.since:
            condition &= Q(**{f"{to_passage}published_at__gte": datetime.combine(self.since, time.min, UTC)})
        if self.until:
            condition &= Q(**{f"{to_passage}published_at__lte": datetime.combine(self.until, time.max, UTC)})
        return condition


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that an arm of the search found; a higher score is better, within that arm."""

    passage_id: int
    document_id: int
    kind: str
    score: float
