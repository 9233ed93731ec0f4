"""The search by meaning: the vectors nearest to the query's, among the passages in scope."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

import numpy as np
from django.db.models import QuerySet

from apps.indexing import ann
from apps.indexing.models import PassageVector, PassageVectorQuerySet, VectorIndex
from apps.search.lately import Lately
from apps.search.scope import Found, Scope, any_of

# Up to this many passages, as the planner estimates, an exact scan is as quick as the graph, and misses nothing.
EXACT_UP_TO = 5_000
# A step along the graph takes as long as comparing so many vectors one after the other, and where one passage in ten
# is in scope, ten steps lead to one of them.
COMPARED_IN_A_STEP = 10
# Of several kinds, so many times as many are looked through together at most: a kind with less than a fifth of what
# is wanted has a scan of its own then. What others have beyond that comes after hundreds that are nearer.
WIDEST = 6
ENOUGH = 0.2


def find(vector: np.ndarray, scope: Scope, *, index: VectorIndex, limit: int) -> tuple[Found, ...]:
    """Return the `limit` passages of `scope` nearest to `vector`: fewer only when there are no more."""
    if by_graph(scope, index, limit):
        with ann.scanning(ef_search=index.ef_search):
            found = _nearest(_in(scope).nearest(vector, index=index), limit)
        if len(found) == limit:
            return found
    return find_exactly(vector, scope, index=index, limit=limit)


def find_in_each(
    vector: np.ndarray, scopes: Sequence[Scope], *, index: VectorIndex, limit: int
) -> list[tuple[Found, ...]]:
    """Do so for each of `scopes`, which differ in their kinds alone: one scan of the graph does for most."""
    large = [scope for scope in scopes if by_graph(scope, index, limit)]
    together = _along_the_graph(vector, large, index=index, limit=limit) if len(large) > 1 else {}
    return [together.get(scope) or find(vector, scope, index=index, limit=limit) for scope in scopes]


def _along_the_graph(
    vector: np.ndarray, scopes: Sequence[Scope], *, index: VectorIndex, limit: int
) -> dict[Scope, tuple[Found, ...]]:
    """Go on until there are `limit` for each of `scopes`; those that have far less in the end are left out."""
    anywhere = replace(scopes[0], kinds=tuple(kind for scope in scopes for kind in scope.kinds))
    seen: dict[Scope, list[Found]] = {scope: [] for scope in scopes}
    of_kind = {kind: seen[scope] for scope in scopes for kind in scope.kinds}
    with ann.scanning(ef_search=index.ef_search):
        # A cursor: nobody knows beforehand how many it takes.
        ordered = _rows(_in(anywhere).nearest(vector, index=index))[: limit * WIDEST]
        with closing(_one_by_one(ordered, portion=limit)) as rows:
            for found in rows:
                of_kind[found.kind].append(found)
                if all(len(of_scope) >= limit for of_scope in seen.values()):
                    break
    looked_through = sum(map(len, seen.values())) == limit * WIDEST
    wanted = limit * ENOUGH if looked_through else limit
    return {scope: _best_first(found)[:limit] for scope, found in seen.items() if len(found) >= wanted}


def by_graph(scope: Scope, index: VectorIndex, limit: int) -> bool:
    """Say whether the graph is the quicker way to the `limit` nearest in `scope`, by the planner's estimates."""
    if index.searches_exactly or (passages := scope.estimate()) <= EXACT_UP_TO:
        return False
    steps = limit * _sizes.of(index.pk, partial(ann.estimate, index)) / passages
    return passages > COMPARED_IN_A_STEP * steps


#: They choose the path of a search, never what it finds.
_sizes: Lately[int, float] = Lately()


def find_exactly(vector: np.ndarray, scope: Scope, *, index: VectorIndex, limit: int) -> tuple[Found, ...]:
    """Do the same by comparing with every vector in scope."""
    return _nearest(_in(scope).nearest_exactly(vector, index=index), limit)


def _in(scope: Scope) -> PassageVectorQuerySet:
    return PassageVector.objects.filter(scope.condition("passage__"))


def _nearest(ordered: PassageVectorQuerySet, limit: int) -> tuple[Found, ...]:
    return _best_first(map(_found, _rows(ordered)[:limit]))


def _rows(ordered: PassageVectorQuerySet) -> QuerySet[PassageVector, tuple[int, int, str, float]]:
    # The stubs lose annotations on the way through our own QuerySet methods.
    return ordered.values_list("passage_id", "passage__document_id", "passage__kind", "distance")  # type: ignore[misc]


def _one_by_one(
    rows: QuerySet[PassageVector, tuple[int, int, str, float]], *, portion: int
) -> Generator[Found, None, None]:
    yield from map(_found, rows.iterator(chunk_size=portion))


def _found(row: tuple[int, int, str, float]) -> Found:
    """Scores are cosines."""
    passage_id, document_id, kind, distance = row
    return Found(passage_id, document_id, kind, -distance)


def _best_first(found: Iterable[Found]) -> tuple[Found, ...]:
    """Ties and the relaxed order of the graph are put right here, never in SQL."""
    return tuple(sorted(found, key=lambda f: (-f.score, f.passage_id)))


def score(passages: Collection[int], vector: np.ndarray, *, index: VectorIndex) -> dict[int, float]:
    """Return the cosine of each of `passages` that has a vector, however many others are nearer."""
    if not passages:
        return {}
    chosen = (
        PassageVector.objects.filter(passage_id__in=any_of(passages)).nearest_exactly(vector, index=index).order_by()
    )
    return {passage: -distance for passage, distance in chosen.values_list("passage_id", "distance")}  # type: ignore[misc]
