"""Rankings: what a system found for each query, best first."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from workers.records import Query

RRF_K = 60  # the constant of Cormack et al. 2009


class Hit(NamedTuple):
    passage_id: str
    score: float


Rankings = Mapping[str, Sequence[Hit]]  # query id → hits


def cut(query: Query, hits: Iterable[Hit], *, k: int) -> list[Hit]:
    """The first k hits after the passage that is the query itself has been dropped."""
    return list(islice((hit for hit in hits if hit.passage_id != query.exclude), k))


def fuse(rankings: Iterable[Sequence[Hit]], *, k: int) -> list[Hit]:
    """Reciprocal rank fusion: a passage scores 1 / (60 + rank) in each ranking that holds it."""
    scores: dict[str, float] = {}
    for hits in rankings:
        for rank, hit in enumerate(hits, start=1):
            scores[hit.passage_id] = scores.get(hit.passage_id, 0.0) + 1 / (RRF_K + rank)
    best = sorted(scores.items(), key=lambda scored: -scored[1])[:k]
    return [Hit(passage_id, score) for passage_id, score in best]
