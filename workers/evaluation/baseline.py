"""BM25 of a library.

Over whole passages it is the baseline that any retriever has to earn its keep against; over the pieces and the words
that the product searches it is the measure of the product's own BM25.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version

import bm25s
import snowballstemmer
from bm25s.tokenization import Tokenized

from apps.retrievers import words
from workers.evaluation.collection import Collection
from workers.evaluation.documents import Splitter, pieces_of
from workers.evaluation.ranking import Hit, best_passages, cut, excluded_pieces, rows_above_zero

K1, B = 1.5, 0.75


class BaselineRetrieval:
    """Ranks whole passages by Lucene's BM25 over English stems."""

    kind = "bm25"

    def __init__(self) -> None:
        self._stemmer = snowballstemmer.stemmer("english")

    def describe(self) -> dict[str, str]:
        return {"model": "BM25", "revision": f"bm25s {version('bm25s')}, k1 {K1}, b {B}, English stems"}

    def search(self, collection: Collection, *, k: int) -> dict[str, list[Hit]]:
        index = bm25s.BM25(k1=K1, b=B, method="lucene")
        texts = [piece.text for piece in pieces_of(collection, None)]
        index.index(self._tokens(texts), show_progress=False)
        ids = [passage.id for passage in collection.passages]
        depth = min(k + any(query.exclude for query in collection.queries), len(ids))
        tokens = self._tokens([query.text for query in collection.queries])
        found = index.retrieve(tokens, k=depth, show_progress=False)
        return {
            query.id: cut(query, _hits(ids, rows, scores), k=k)
            for query, rows, scores in zip(collection.queries, found.documents, found.scores, strict=True)
        }

    def _tokens(self, texts: Sequence[str]) -> Tokenized:
        return bm25s.tokenize(list(texts), stopwords="en", stemmer=self._stemmer, show_progress=False)


class LibraryRetrieval:
    """Ranks passages by the best of the pieces that ingestion cuts, by the library with the product's words and dials."""

    kind = "bm25-passages"

    def __init__(self, *, splitter: Splitter | None, cut_for: str) -> None:
        self._splitter = splitter
        self._cut_for = cut_for if splitter else "no model"
        self._stem = cache(snowballstemmer.stemmer("english").stemWord)  # most words come many times

    def describe(self) -> dict[str, str]:
        dials = f"k1 {words.K1}, b {words.B}, the product's words"
        return {
            "model": "BM25 of passages",
            "revision": f"bm25s {version('bm25s')}, {dials}, passages cut for {self._cut_for}",
        }

    def search(self, collection: Collection, *, k: int) -> dict[str, list[Hit]]:
        pieces = pieces_of(collection, self._splitter)
        index = bm25s.BM25(k1=words.K1, b=words.B, method="lucene")
        index.index([self._stems(piece.words) for piece in pieces], show_progress=False)
        found = {}
        for query, rows in zip(collection.queries, excluded_pieces(collection, pieces), strict=True):
            known = index.get_tokens_ids(self._stems(query.text))
            scores = index.get_scores_from_ids(known)
            scores[list(rows)] = 0
            found[query.id] = rows_above_zero(scores, k=len(pieces))
        return best_passages(collection, pieces, found, k=k)

    def _stems(self, text: str) -> list[str]:
        read = words.words(words.without_accents(text.lower()))
        return [self._stem(word) for word in read if word not in words.STOP_WORDS]


def _hits(ids: Sequence[str], rows: Sequence[int], scores: Sequence[float]) -> list[Hit]:
    """A passage that shares no word with the query was not found, whatever fills up the list."""
    return [Hit(ids[row], float(score)) for row, score in zip(rows, scores, strict=True) if score > 0]
