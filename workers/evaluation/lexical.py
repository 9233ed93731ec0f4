"""The search by words, exact: BM25 over the pieces that the product searches, read as it reads them."""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence

import snowballstemmer

from apps.retrievers.words import (
    K1,
    K3,
    MAX_TERMS,
    STOP_WORDS,
    B,
    codes_in_two,
    of_repeated,
    parts_of_codes,
    telling_words,
    without_accents,
    words,
)
from workers.evaluation.bm25 import BM25
from workers.evaluation.collection import Collection
from workers.evaluation.documents import Piece, Splitter, pieces_of
from workers.evaluation.ranking import Found, Hit, best_passages, excluded_pieces, rows_above_zero


class LexicalRetrieval:
    """Ranks passages by the best of their pieces; every piece that shares a stem is scored, common or rare."""

    kind = "lexical"

    def __init__(self, *, splitter: Splitter | None = None, cut_for: str = "") -> None:
        self._splitter = splitter
        self._cut_for = cut_for
        self._stemmer = snowballstemmer.stemmer("english")
        self._stemmed: dict[str, str] = {}  # a collection has a thousand times more words than different ones
        self._indexed: tuple[Sequence[Piece], BM25] | None = None

    def describe(self) -> dict[str, str]:
        cut = f", passages cut for {self._cut_for}" if self._splitter else ""
        return {
            "model": "words",
            "revision": f"BM25, k1 {K1}, b {B}, k3 {K3}, English stems, lengths without stop words{cut}",
        }

    def search(self, collection: Collection, *, k: int) -> dict[str, list[Hit]]:
        pieces = pieces_of(collection, self._splitter)
        return best_passages(collection, pieces, self.find(collection, pieces, k=len(pieces)), k=k)

    def find(self, collection: Collection, pieces: Sequence[Piece], *, k: int) -> Found:
        """Return the k best pieces for each query."""
        index = self._index_of(pieces)
        found = {}
        for query, rows in zip(collection.queries, excluded_pieces(collection, pieces), strict=True):
            scores = index.scores(self._weights(query.text, index))
            scores[list(rows)] = 0
            found[query.id] = rows_above_zero(scores, k=k)
        return found

    def score(self, collection: Collection, pieces: Sequence[Piece], rows: Mapping[str, Sequence[int]]) -> Found:
        """Return for each query the scores of these pieces."""
        index = self._index_of(pieces)
        found = {}
        for query in collection.queries:
            scores = index.scores(self._weights(query.text, index))
            found[query.id] = {row: float(scores[row]) for row in rows[query.id]}
        return found

    def _index_of(self, pieces: Sequence[Piece]) -> BM25:
        """Return the index of the pieces; the last one is kept, as both arms' findings are scored after."""
        if self._indexed is None or self._indexed[0] is not pieces:
            read = [words(piece.words) for piece in pieces]
            lengths = [sum(word.lower() not in STOP_WORDS for word in each) for each in read]
            self._indexed = (pieces, BM25(map(self._stems, read), lengths=lengths))
        return self._indexed[1]

    def _weights(self, query: str, index: BM25) -> dict[str, float]:
        """Return how much each stem of the query tells, as search weighs it; misspelt words are left as they are."""
        asked = telling_words(query)
        codes = codes_in_two(asked)
        times = Counter(self._stems([*asked, *map("".join, codes)]))
        unknown = [word for word in asked if not index.frequency(self._stem(word))]
        times.update(self._stems(parts_of_codes(unknown)))
        known = [stem for stem in times if index.frequency(stem)]
        rarest = heapq.nsmallest(MAX_TERMS, known, key=lambda stem: (index.frequency(stem), stem))
        weights = {stem: index.idf(stem) * of_repeated(times[stem]) for stem in rarest}
        for letters, digits in codes:  # "COVID19" counts as much as "COVID 19" does, however few write it in one
            joined, apart = self._stem(letters + digits), {self._stem(letters), self._stem(digits)}
            if joined in weights:
                weights[joined] = min(weights[joined], sum(weights.get(s, 0.0) for s in apart) or weights[joined])
        return weights

    def _stem(self, word: str) -> str:
        if word not in self._stemmed:
            self._stemmed[word] = self._stemmer.stemWord(without_accents(word.lower()))
        return self._stemmed[word]

    def _stems(self, found: Sequence[str]) -> list[str]:
        return list(map(self._stem, found))
