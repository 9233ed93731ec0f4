"""Making a pool: the union of what each system ranks highest, in an order that gives none of them away."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from apps.feedback.models import Pool, PoolItem, Query
from apps.retrievers.intents import Intent
from apps.search import services
from apps.search.outcome import Asked, Hit, Outcome

if TYPE_CHECKING:
    from apps.accounts.models import User

# Both arms together rank no more than this: every passage that any system found.
_ALL = 2 * services.DEPTH

Ranks = Mapping[str, int]


class NotPooled(Exception):
    """No pool was made; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query to be pooled; no intent: as detected."""

    text: str
    intent: Intent | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    name: str
    wanted: tuple[Wanted, ...]
    depth: int
    corpora: tuple[str, ...] = ()  #: slugs; none: all that the person may read


def make_pool(plan: Plan, *, user: User) -> Pool:
    """Ask the dense arm, the words and the fusion of both, as they answer searches now, within the rights of `user`."""
    answers = [_answer(wanted, plan, user=user) for wanted in plan.wanted]
    if not any(outcome.hits for outcome in answers):
        raise NotPooled("No system found a passage for any of these queries. Nothing was made.")
    seed = secrets.randbelow(2**31)
    with transaction.atomic():
        found = {Query.objects.of(o.query, o.intent): pooled(o.hits, depth=plan.depth) for o in answers}
        pool = Pool.objects.create(name=plan.name, depth=plan.depth, seed=seed, created_by=user)
        PoolItem.objects.bulk_create(
            PoolItem(pool=pool, query=query, passage_id=passage, position=position, ranks=found[query][passage])
            for position, (query, passage) in enumerate(shuffled(found, seed=seed))
        )
    return pool


def _answer(wanted: Wanted, plan: Plan, *, user: User) -> Outcome:
    asked = Asked(query=wanted.text, intent=wanted.intent, corpora=plan.corpora, limit=_ALL)
    outcome = services.search(asked, user=user)
    if outcome.why_words:
        # Passages of one system alone would make it look better than the others for ever.
        raise NotPooled(f"Search by meaning had no say: {outcome.why_words}. Nothing was made; try again later.")
    return outcome


def pooled(hits: Iterable[Hit], *, depth: int) -> dict[int, Ranks]:
    """Return the passages that the dense arm, the words or the hybrid rank among their first `depth`."""
    ranks = {hit.passage_id: {**hit.ranks, "hybrid": hit.rank} for hit in hits}
    return {passage: by_system for passage, by_system in ranks.items() if min(by_system.values()) <= depth}


def shuffled(found: Mapping[Query, Mapping[int, Ranks]], *, seed: int) -> Sequence[tuple[Query, int]]:
    """Shuffle the queries, and the passages of each: a judge keeps one need in mind at a time."""
    order = random.Random(seed)  # noqa: S311  an order, not a secret
    queries = sorted(found, key=lambda query: query.pk)
    order.shuffle(queries)
    items = []
    for query in queries:
        passages = sorted(found[query])
        order.shuffle(passages)
        items += [(query, passage) for passage in passages]
    return items
