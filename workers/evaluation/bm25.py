"""BM25 as the product's database reckons it, in memory."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from apps.retrievers.words import K1, B

Scores = NDArray[np.float64]


class BM25:
    """Weighs how often a stem occurs by how rare it is and by how long the text is: `lengths` in whatever unit."""

    def __init__(self, texts: Iterable[Sequence[str]], *, lengths: Sequence[int]) -> None:
        stems: dict[str, int] = {}
        columns: list[int] = []
        counts: list[int] = []
        ends = [0]
        for text in texts:
            for stem, count in Counter(text).items():
                columns.append(stems.setdefault(stem, len(stems)))
                counts.append(count)
            ends.append(len(columns))
        norms = K1 * (1 - B + B * np.asarray(lengths) / max(float(np.mean(lengths)), 1e-9))
        tf = np.asarray(counts, dtype=np.float64)
        weights = tf * (K1 + 1) / (tf + np.repeat(norms, np.diff(ends)))
        by_text = csr_matrix((weights, columns, ends), shape=(len(ends) - 1, len(stems)))
        self._stems = stems
        self._weights = by_text.tocsc()
        self._frequencies = np.diff(self._weights.indptr)

    def frequency(self, stem: str) -> int:
        """Return how many texts have the stem."""
        return int(self._frequencies[self._stems[stem]]) if stem in self._stems else 0

    def idf(self, stem: str) -> float:
        frequency = self.frequency(stem)
        return math.log(1 + (self._weights.shape[0] - frequency + 0.5) / (frequency + 0.5))

    def scores(self, weights: Mapping[str, float]) -> Scores:
        """Return the score (N,) of every text for stems that weigh so much; those that no text has count nothing."""
        total = np.zeros(self._weights.shape[0])
        for stem, weight in weights.items():
            if (column := self._stems.get(stem)) is not None:
                rows = slice(self._weights.indptr[column], self._weights.indptr[column + 1])
                total[self._weights.indices[rows]] += weight * self._weights.data[rows]
        return total
