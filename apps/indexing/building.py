"""When an index needs its graph, and the building of it: one at a time, beside searches and uploads."""

from __future__ import annotations

import logging
import time

from django.db import OperationalError

from apps.indexing import ann
from apps.indexing.models import PassageVector, PendingVector, VectorIndex
from dmsearch import advisory

log = logging.getLogger(__name__)

# Below this an exact scan takes a few milliseconds and misses nothing.
HNSW_FROM = 5_000
# What is owed may be this share of what is stored: under a stream of uploads something always is.
OWED_SHARE = 0.01

# Two at once would take twice the memory, and each would wait for the other's end.
_ALONE = "dmsearch.graph"


def wants_graph(index: VectorIndex) -> bool:
    """Tell whether `index` has vectors enough for a graph, none yet, and next to nothing to come."""
    vectors = PassageVector.objects.filter(index=index)
    if ann.has_hnsw(index) or not vectors[HNSW_FROM - 1 : HNSW_FROM].exists():
        return False
    owed = PendingVector.objects.filter(index=index, reason="")
    return not owed.exists() or owed.count() <= OWED_SHARE * vectors.count()


def build_graph(index: VectorIndex) -> bool:
    """Build the graph and note how long that took: the next estimate goes by it.

    Return whether the graph is there: not while another one is being built, and not if the index was given up.
    """
    with advisory.alone(_ALONE) as alone:
        if not alone or ann.has_hnsw(index):
            return alone
        started = time.monotonic()
        try:
            ann.build_hnsw(index)
        except OperationalError:
            if VectorIndex.objects.growing().filter(pk=index.pk).exists():
                raise
            log.info("Index %s was given up while its graph was built", index.pk)
            return False
        VectorIndex.objects.filter(pk=index.pk).update(
            graph_seconds=time.monotonic() - started, graph_vectors=PassageVector.objects.filter(index=index).count()
        )
    return True
