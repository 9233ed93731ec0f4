"""What the judging page tells: the pools with one's progress, what is judged, how well judges agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from apps.feedback.agreement import Pair, fleiss_kappa, pairwise
from apps.feedback.models import JudgmentQuerySet, Pool, PoolItem, Progress
from apps.retrievers.intents import Intent
from apps.search.intent import LABELS

if TYPE_CHECKING:
    from apps.accounts.models import User


@dataclass(frozen=True, slots=True)
class PoolRow:
    pool: Pool
    queries: int
    progress: Progress


def pool_rows(user: User) -> list[PoolRow]:
    """Return the pools that `user` sees, with counts of what they may read only."""
    items = PoolItem.objects.readable_by(user).with_grade_of(user)
    counted = (
        items.order_by()
        .values("pool")
        .annotate(queries=Count("query", distinct=True), judged=Count("grade"), total=Count("pk"))
    )
    counts = {row["pool"]: row for row in counted}
    nothing = {"queries": 0, "judged": 0, "total": 0}
    return [
        PoolRow(pool, row["queries"], Progress(row["judged"], row["total"]))
        for pool in Pool.objects.visible_to(user).select_related("created_by")
        for row in [counts.get(pool.pk, nothing)]
    ]


@dataclass(frozen=True, slots=True)
class IntentRow:
    label: str
    queries: int
    judgments: int
    relevant: int  #: graded 1 or higher


def by_intent(judgments: JudgmentQuerySet) -> list[IntentRow]:
    counts = (
        judgments.order_by()
        .values("query__intent")
        .annotate(
            queries=Count("query", distinct=True),
            count=Count("pk"),
            relevant=Count("pk", filter=Q(grade__gt=0)),
        )
    )
    found = {row["query__intent"]: row for row in counts}
    return [
        IntentRow(LABELS[intent], found[intent]["queries"], found[intent]["count"], found[intent]["relevant"])
        for intent in Intent
        if intent in found
    ]


@dataclass(frozen=True, slots=True)
class Agreement:
    pairs: list[Pair]
    kappa: float  #: Fleiss', over all items with two judgments or more


def agreement(judgments: JudgmentQuerySet) -> Agreement:
    rows = judgments.order_by().values_list("query", "passage", "judge__username", "grade")
    of_judge: dict[str, dict[object, int]] = {}
    of_item: dict[object, list[int]] = {}
    for query, passage, judge, grade in rows.iterator():
        of_judge.setdefault(judge, {})[query, passage] = grade
        of_item.setdefault((query, passage), []).append(grade)
    return Agreement(pairwise(of_judge), fleiss_kappa(of_item.values()))
