"""Hard negatives from the part of the ranking that suits the query's difficulty.

Guard as in NV-Retriever (arXiv 2407.15831): what scores above a share of the positive's score may be an answer that
nobody labelled. The bands are our choice: where the query is easy, the nearest wrong passages are still told apart
from the answer and teach most; where it is hard, they are often answers, so negatives come from further down.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from workers.encoders.base import Vectors
from workers.exact_search import Rows
from workers.refinement.examples import Example
from workers.refinement.pool import Pool
from workers.refinement.rankings import Ranking
from workers.vector_store import StoredVectors

Band = tuple[int, int]  #: first and last rank, from 1, among the passages that are safe

BANDS: tuple[Band, ...] = ((1, 30), (6, 60), (16, 100))
GUARD = 0.95


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passages that n teachers have scored, the best by their mean score first."""

    rows: Rows  #: (C,)
    scores: Vectors  #: (n, C)

    @classmethod
    def empty(cls, teachers: int) -> "Candidates":
        return cls(np.empty(0, dtype=np.int64), np.empty((teachers, 0), dtype=np.float32))

    @property
    def mean_scores(self) -> Vectors:
        return self.scores.mean(axis=0)

    def safe(self, ceilings: Vectors) -> "Candidates":
        """Leave out what any teacher scores above its ceiling. ceilings: (n,)."""
        kept = (self.scores <= ceilings[:, None]).all(axis=0)
        return Candidates(self.rows[kept], self.scores[:, kept])

    def at(self, places: Sequence[int]) -> "Candidates":
        return Candidates(self.rows[list(places)], self.scores[:, list(places)])


def ranked_rows(rankings: Sequence[Ranking], number: int) -> set[int]:
    """Return what any teacher ranked for the `number`-th query."""
    return {row for ranking in rankings for row in ranking.rows[number].tolist() if row >= 0}


def candidates(
    rows: Rows, rankings: Sequence[Ranking], passages: Sequence[StoredVectors], *, number: int
) -> Candidates:
    """Return the rows as all teachers score them for the `number`-th query."""
    rows = np.sort(rows)
    scores = np.stack(
        [vectors.at(rows) @ ranking.queries[number] for ranking, vectors in zip(rankings, passages, strict=True)]
    )
    order = np.argsort(-scores.mean(axis=0), kind="stable")
    return Candidates(rows[order], scores[:, order])


def choose(safe: Candidates, *, band: Band, count: int, first: Collection[int], random: Random) -> Candidates:
    """Choose `count` passages: those in `first`, then at random from the band, then the nearest to its end.

    Fewer where there are no more.
    """
    places = range(len(safe.rows))
    chosen = [place for place in places if safe.rows[place] in first][:count]
    inside = [place for place in places[band[0] - 1 : band[1]] if place not in chosen]
    chosen += random.sample(inside, min(count - len(chosen), len(inside)))
    outside = sorted(set(places) - set(chosen), key=lambda place: (place < band[0], abs(place - band[1])))
    chosen += outside[: count - len(chosen)]
    return safe.at(sorted(chosen))


def with_negatives(
    example: Example, chosen: Candidates, *, positive_scores: NDArray[np.float32], pool: Pool
) -> Example:
    """Return the example with the passages as its negatives, and the teachers' mean scores. positive_scores: (n, P)."""
    triple = replace(
        example.triple,
        negatives=tuple(pool.texts(chosen.rows.tolist())),
        positive_scores=_rounded(positive_scores.mean(axis=0)),
        negative_scores=_rounded(chosen.mean_scores),
    )
    return replace(example, triple=triple)


def ceilings(positive_scores: Vectors, *, guard: float) -> Vectors:
    """Return the highest scores that are safe, `guard` × the positive's; below zero, the share is taken the other way."""
    return (positive_scores - (1 - guard) * np.abs(positive_scores)).astype(np.float32)


def _rounded(scores: Vectors) -> tuple[float, ...]:
    return tuple(round(float(score), 5) for score in scores)
