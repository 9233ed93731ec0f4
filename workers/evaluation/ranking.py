"""Rankings: what a system found for each query, best first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def fuse_ranks(rankings: Iterable[Sequence[Hit]], *, k: int) -> list[Hit]:
    """Reciprocal rank fusion: a passage scores 1 / (60 + rank) in each ranking that holds it."""
    scores: dict[str, float] = {}
    for hits in rankings:
        for rank, hit in enumerate(hits, start=1):
            scores[hit.passage_id] = scores.get(hit.passage_id, 0.0) + 1 / (RRF_K + rank)
    return _best(scores, k)


def fuse_scores(dense: Sequence[Hit], lexical: Sequence[Hit], *, dense_share: float, k: int) -> list[Hit]:
    """Convex combination (Bruch et al. 2023): each ranking's scores are stretched to 0 … 1 and weighed.

    It keeps what fusion by rank throws away: by how much the best is the best.
    """
    scores: dict[str, float] = {}
    for hits, share in ((dense, dense_share), (lexical, 1 - dense_share)):
        for passage_id, score in _stretched(hits):
            scores[passage_id] = scores.get(passage_id, 0.0) + share * score
    return _best(scores, k)


def _stretched(hits: Sequence[Hit]) -> Iterator[Hit]:
    if not hits:
        return
    highest, lowest = hits[0].score, hits[-1].score
    for hit in hits:
        yield Hit(hit.passage_id, (hit.score - lowest) / (highest - lowest) if highest > lowest else 1.0)


def _best(scores: Mapping[str, float], k: int) -> list[Hit]:
    ranked = sorted(scores.items(), key=lambda scored: -scored[1])[:k]
    return [Hit(passage_id, score) for passage_id, score in ranked]
