"""Judgments as a test collection: queries with intents, graded passages, and the corpus they are found in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

from apps.corpora.models import Passage, PassageQuerySet
from apps.feedback.agreement import Combination, combined
from apps.feedback.models import JudgmentQuerySet

#: "judged": only judged passages; "corpora": every passage of the corpora that these lie in, as a search sees them.
Extent = Literal["judged", "corpora"]


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    id: str
    text: str
    intent: str


@dataclass(frozen=True, slots=True)
class Qrel:
    query_id: str
    passage_id: int
    grade: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """One person's grade; people are numbered, not named: an export may go out of the house."""

    query_id: str
    passage_id: int
    judge: int  #: from 1
    grade: int
    note: str
    judged_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedCollection:
    queries: tuple[JudgedQuery, ...]
    qrels: tuple[Qrel, ...]
    passages: PassageQuerySet
    given: tuple[Given, ...]  #: before several judges' grades became one
    combination: Combination

    @property
    def judges(self) -> int:
        return len({given.judge for given in self.given})


def collect(judgments: JudgmentQuerySet, *, combine: Combination, extent: Extent) -> JudgedCollection:
    """Make one qrel of all judges' grades of a passage for a query; order: by query, then passage."""
    queries: dict[int, JudgedQuery] = {}
    judges: dict[int, int] = {}
    given = []
    for judgment in judgments.select_related("query").order_by("query_id", "passage_id", "judge_id"):
        query = JudgedQuery(f"q{judgment.query_id}", judgment.query.text, judgment.query.intent)
        queries[judgment.query_id] = query
        given.append(
            Given(
                query_id=query.id,
                passage_id=judgment.passage_id,
                judge=judges.setdefault(judgment.judge_id, len(judges) + 1),
                grade=judgment.grade,
                note=judgment.note,
                judged_at=judgment.judged_at,
            )
        )
    return JudgedCollection(
        queries=tuple(queries.values()),
        qrels=tuple(_combined(given, combine=combine)),
        passages=_passages(judgments, extent=extent),
        given=tuple(given),
        combination=combine,
    )


def _combined(given: Iterable[Given], *, combine: Combination) -> Iterator[Qrel]:
    for (query, passage), group in groupby(given, key=lambda g: (g.query_id, g.passage_id)):
        yield Qrel(query, passage, combined([g.grade for g in group], by=combine))


def _passages(judgments: JudgmentQuerySet, *, extent: Extent) -> PassageQuerySet:
    judged = Passage.objects.filter(pk__in=judgments.order_by().values("passage"))
    if extent == "judged":
        return judged
    return Passage.objects.filter(corpus__in=judged.values("corpus"))


def texts(passages: PassageQuerySet) -> Iterator[tuple[int, str, str]]:
    """Yield id, the document's title and text of each passage, without holding all of them at once."""
    rows = passages.order_by("pk").values_list("pk", "document__title", "text")
    yield from rows.iterator(chunk_size=2_000)
