"""The search by meaning: the vectors nearest to the query's, among the passages in scope."""

from __future__ import annotations

import numpy as np

from apps.indexing import ann
from apps.indexing.models import PassageVector, PassageVectorQuerySet, VectorIndex
from apps.search.scope import Found, Scope

# Up to this many passages an exact scan is as quick as the graph, and misses nothing.
EXACT_UP_TO = 5_000


def find(vector: np.ndarray, scope: Scope, *, index: VectorIndex, limit: int) -> tuple[Found, ...]:
    """Return the `limit` passages of `scope` nearest to `vector`: fewer only when there are no more."""
    in_scope = PassageVector.objects.filter(scope.condition("passage__"))
    matching = scope.passages().order_by()[: EXACT_UP_TO + 1].count()
    if matching > EXACT_UP_TO:
        with ann.scanning():
            found = _nearest(in_scope.nearest(vector, index=index), limit)
        if len(found) == limit:
            return found
    return _nearest(in_scope.nearest_exactly(vector, index=index), limit)


def _nearest(ordered: PassageVectorQuerySet, limit: int) -> tuple[Found, ...]:
    """Scores are cosines. Ties and the relaxed order of the graph are put right here, never in SQL."""
    # The stubs lose annotations on the way through our own QuerySet methods.
    rows = ordered.values_list("passage_id", "passage__document_id", "passage__kind", "distance")[:limit]  # type: ignore[misc]
    found = (Found(passage_id, document_id, kind, -distance) for passage_id, document_id, kind, distance in rows)
    return tuple(sorted(found, key=lambda f: (-f.score, f.passage_id)))
