"""Judgments as a test collection: queries with intents, graded passages, and the corpus they are found in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class JudgedCollection:
    queries: tuple[JudgedQuery, ...]
    qrels: tuple[Qrel, ...]
    passages: PassageQuerySet
    judgments: int  #: before several judges' grades became one
    judges: int
    combination: Combination


def collect(judgments: JudgmentQuerySet, *, combine: Combination, extent: Extent) -> JudgedCollection:
    """Make one qrel of all judges' grades of a passage for a query; order: by query, then passage."""
    rows = judgments.order_by("query_id", "passage_id", "judge_id").values_list(
        "query_id", "query__text", "query__intent", "passage_id", "judge_id", "grade"
    )
    queries: dict[int, JudgedQuery] = {}
    grades: dict[tuple[int, int], list[int]] = {}
    judges = set()
    for query, text, intent, passage, judge, grade in rows:
        queries[query] = JudgedQuery(f"q{query}", text, intent)
        grades.setdefault((query, passage), []).append(grade)
        judges.add(judge)
    return JudgedCollection(
        queries=tuple(queries.values()),
        qrels=tuple(Qrel(f"q{query}", passage, combined(g, by=combine)) for (query, passage), g in grades.items()),
        passages=_passages(judgments, extent=extent),
        judgments=sum(map(len, grades.values())),
        judges=len(judges),
        combination=combine,
    )


def _passages(judgments: JudgmentQuerySet, *, extent: Extent) -> PassageQuerySet:
    judged = Passage.objects.filter(pk__in=judgments.order_by().values("passage"))
    if extent == "judged":
        return judged
    return Passage.objects.filter(corpus__in=judged.values("corpus"))


def texts(passages: PassageQuerySet) -> Iterator[tuple[int, str, str]]:
    """Yield id, the document's title and text of each passage, without holding all of them at once."""
    rows = passages.order_by("pk").values_list("pk", "document__title", "text")
    yield from rows.iterator(chunk_size=2_000)
