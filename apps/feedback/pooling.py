"""Making a pool: the union of what each system ranks highest, in an order that gives none of them away."""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from apps.feedback.models import Pool, PoolItem, Query
from apps.indexing.models import VectorIndex
from apps.retrievers.intents import Intent
from apps.search import dense, lexical, services, wording
from apps.search.encoding import EncoderUnavailable, encode_query
from apps.search.outcome import Asked
from apps.search.retrieving import DEPTH
from apps.search.scope import Scope

if TYPE_CHECKING:
    from apps.accounts.models import User

Ranks = dict[str, int]


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
    if not any(passages for _, _, passages in answers):
        raise NotPooled("No system found a passage for any of these queries. Nothing was made.")
    seed = secrets.randbelow(2**31)
    with transaction.atomic():
        found = {Query.objects.of(text, intent): passages for text, intent, passages in answers}
        pool = Pool.objects.create(name=plan.name, depth=plan.depth, seed=seed, created_by=user)
        PoolItem.objects.bulk_create(
            PoolItem(pool=pool, query=query, passage_id=passage, position=position, ranks=found[query][passage])
            for position, (query, passage) in enumerate(shuffled(found, seed=seed))
        )
    return pool


def _answer(wanted: Wanted, plan: Plan, *, user: User) -> tuple[str, Intent, dict[int, Ranks]]:
    """Return the query, the intent it is read with, and its pooled passages."""
    asked = Asked(query=wanted.text, intent=wanted.intent, corpora=plan.corpora, limit=plan.depth)
    outcome = services.search(asked, user=user, is_live=False)
    index = VectorIndex.objects.live()
    if outcome.why_words or index is None:
        raise _without_meaning(outcome.why_words)
    worded = wording.read(wanted.text)
    corpora = tuple(corpus.pk for corpus in services.readable_corpora(user, slugs=plan.corpora))
    scope = Scope(corpora=corpora, must=worded.must, must_not=worded.must_not)
    try:
        vector = encode_query(worded.text, outcome.intent, index=index)  # kept since the search just now
    except EncoderUnavailable as failure:
        raise _without_meaning(str(failure)) from failure
    by_meaning = dense.find(vector, scope, index=index, limit=DEPTH)
    by_words = lexical.find(worded.text, scope, limit=DEPTH).passages
    rankings = {
        "dense": [found.passage_id for found in by_meaning],
        "words": [found.passage_id for found in by_words],
        "hybrid": [hit.passage_id for hit in outcome.hits],
    }
    return wanted.text, outcome.intent, pooled(rankings, depth=plan.depth)


def _without_meaning(reason: str) -> NotPooled:
    # A pool of one system's passages would make that system look better than the others for ever.
    return NotPooled(f"Search by meaning had no say: {reason}. Nothing was made; try again later.")


def pooled(rankings: Mapping[str, Sequence[int]], *, depth: int) -> dict[int, Ranks]:
    """Return the union of each system's first `depth` passages, with their rank, from 1, in each."""
    ranks: dict[int, Ranks] = {}
    for system, passages in rankings.items():
        for rank, passage in enumerate(passages[:depth], start=1):
            ranks.setdefault(passage, {})[system] = rank
    return ranks


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
