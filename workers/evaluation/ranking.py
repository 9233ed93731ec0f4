"""Rankings: what a system found for each query, best first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.collection import Collection
from workers.evaluation.documents import Piece
from workers.records import Query

RRF_K = 60  # the constant of Cormack et al. 2009


class Hit(NamedTuple):
    passage_id: str
    score: float


Rankings = Mapping[str, Sequence[Hit]]  # query id → hits
Found = Mapping[str, Mapping[int, float]]  # query id → position of a piece → its score, best first


def cut(query: Query, hits: Iterable[Hit], *, k: int) -> list[Hit]:
    """The first k hits after the passage that is the query itself has been dropped."""
    return list(islice((hit for hit in hits if hit.passage_id != query.exclude), k))


def best_passages(collection: Collection, pieces: Sequence[Piece], found: Found, *, k: int) -> dict[str, list[Hit]]:
    """Return for each query k passages, each once, where the best of its pieces stands."""
    return {query_id: list(islice(_passages(collection, pieces, scores), k)) for query_id, scores in found.items()}


def _passages(collection: Collection, pieces: Sequence[Piece], scores: Mapping[int, float]) -> Iterator[Hit]:
    seen: set[int] = set()
    for row, score in scores.items():
        position = pieces[row].passage
        if position not in seen:
            seen.add(position)
            yield Hit(collection.passages[position].id, score)


def rows_above_zero(scores: NDArray[np.floating], *, k: int) -> dict[int, float]:
    """Return the k highest of the scores (N,) above 0 by row, best first."""
    rows = np.flatnonzero(scores)
    if len(rows) > k:
        rows = rows[np.argpartition(-scores[rows], k - 1)[:k]]
    return {int(row): float(scores[row]) for row in rows[np.lexsort((rows, -scores[rows]))]}


def excluded_pieces(collection: Collection, pieces: Sequence[Piece]) -> list[Sequence[int]]:
    """Return for each query the pieces of the passage that is the query itself."""
    wanted = {query.exclude for query in collection.queries if query.exclude}
    rows: dict[str, list[int]] = {}
    for row, piece in enumerate(pieces):
        if (passage_id := collection.passages[piece.passage].id) in wanted:
            rows.setdefault(passage_id, []).append(row)
    return [rows.get(query.exclude or "", ()) for query in collection.queries]


def fuse_ranks(rankings: Iterable[Mapping[int, float]]) -> dict[int, float]:
    """Reciprocal rank fusion: a piece scores 1 / (60 + rank) in each ranking that holds it. Best first."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + 1 / (RRF_K + rank)
    return dict(sorted(scores.items(), key=lambda scored: -scored[1]))
