"""Which passages may answer a search: permissions, filters and words that must or must not occur, for every arm."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.contrib.postgres.search import SearchQuery
from django.db.models import BigIntegerField, ExpressionWrapper, F, Q, Value
from django.db.models.expressions import RawSQL
from django.db.models.lookups import In

from apps.corpora.models import WORDS, Passage, PassageQuerySet
from apps.retrievers.words import words
from apps.search.area import Box
from apps.search.lately import Lately


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """`corpora` are ids of corpora that the person may read; what is empty elsewhere leaves nothing out."""

    corpora: tuple[int, ...]
    kinds: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None  #: this day included
    hazards: tuple[str, ...] = ()  #: one of these is enough, as with the others
    places: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    box: Box | None = None
    must: tuple[str, ...] = ()  #: phrases that have to occur
    must_not: tuple[str, ...] = ()

    def passages(self, *, without_corpus_index: bool = False) -> PassageQuerySet:
        """Return the passages; `without_corpus_index` where others pick the few: it would list all that are there."""
        if without_corpus_index:
            corpus = ExpressionWrapper(F("corpus_id") + Value(0), BigIntegerField())
            return Passage.objects.filter(In(corpus, list(self.corpora)), self._narrowed(""))
        return Passage.objects.filter(self.condition())

    def estimate(self) -> float:
        """Return about how many passages there are, as the planner sees it: counting would look at each."""
        return _estimates.of(self, self._estimate)

    def _estimate(self) -> float:
        if not self.corpora:
            return 0.0
        plan = json.loads(self.passages().order_by().values("pk").explain(format="json"))
        return float(plan[0]["Plan"]["Plan Rows"])

    def condition(self, to_passage: str = "") -> Q:
        """Return the filter, for a model from which `to_passage` ("passage__") leads to the passage."""
        return Q(**{f"{to_passage}corpus_id__in": self.corpora}) & self._narrowed(to_passage)

    def _narrowed(self, to_passage: str) -> Q:
        """Return what the filter asks for besides the corpora."""
        condition = Q()
        for field, values in self._chosen().items():
            if values:
                condition &= Q(**{to_passage + field: list(values)})
        if self.box:
            condition &= self.box.condition(to_passage)
        if self.since:
            condition &= Q(**{f"{to_passage}published_at__gte": datetime.combine(self.since, time.min, UTC)})
        if self.until:
            condition &= Q(**{f"{to_passage}published_at__lte": datetime.combine(self.until, time.max, UTC)})
        for phrase in self.must:
            condition &= Q(**{f"{to_passage}words": _phrase(phrase)})
        for phrase in self.must_not:
            condition &= ~Q(**{f"{to_passage}words": _phrase(phrase)})
        return condition

    def _chosen(self) -> Mapping[str, tuple[str, ...]]:
        return {
            "kind__in": self.kinds,
            "hazards__overlap": self.hazards,
            "places__overlap": self.places,
            "event__in": self.events,
            "language__in": self.languages,
            "publisher__in": self.publishers,
        }


#: They choose the path of a search, never what it finds.
_estimates: Lately[Scope, float] = Lately()


def _phrase(text: str) -> SearchQuery:
    """Return `text` as words on end, read as passages are."""
    return SearchQuery(" ".join(words(text)), config=WORDS, search_type="phrase")


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that an arm of the search found; a higher score is better, within that arm."""

    passage_id: int
    document_id: int
    kind: str
    score: float


def any_of(ids: Iterable[int]) -> RawSQL:
    """Return `ids` for an `__in`: as one parameter, where hundreds would take longer to write down than to look up."""
    return RawSQL("SELECT unnest(%s::bigint[])", [f"{{{','.join(map(str, ids))}}}"])
