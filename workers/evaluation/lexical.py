"""BM25, the baseline that any retriever has to earn its keep against."""

from collections.abc import Sequence
from importlib.metadata import version

import bm25s
import snowballstemmer
from bm25s.tokenization import Tokenized

from workers.evaluation.collection import Collection, full_text
from workers.evaluation.ranking import Hit, cut

K1, B = 1.5, 0.75


class LexicalRetrieval:
    """Ranks whole passages by Lucene's BM25 over English stems, without stop words."""

    kind = "lexical"

    def __init__(self) -> None:
        self._stemmer = snowballstemmer.stemmer("english")

    def describe(self) -> dict[str, str]:
        return {"model": "BM25", "revision": f"bm25s {version('bm25s')}, k1 {K1}, b {B}, English stems"}

    def search(self, collection: Collection, *, k: int) -> dict[str, list[Hit]]:
        index = bm25s.BM25(k1=K1, b=B, method="lucene")
        index.index(self._tokens([full_text(p) for p in collection.passages]), show_progress=False)
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


def _hits(ids: Sequence[str], rows: Sequence[int], scores: Sequence[float]) -> list[Hit]:
    """A passage that shares no word with the query was not found, whatever fills up the list."""
    return [Hit(ids[row], float(score)) for row, score in zip(rows, scores, strict=True) if score > 0]
