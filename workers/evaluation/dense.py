"""Dense retrieval, exact: every passage is compared with every query."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from apps.retrievers.card import RetrieverCard
from apps.retrievers.prompts import DMRETRIEVER
from workers.encoders.base import Encoder, Vectors
from workers.evaluation.collection import Collection
from workers.evaluation.documents import Piece, Splitter, pieces_of
from workers.evaluation.progress import log_progress
from workers.evaluation.ranking import Found, Hit, best_passages, excluded_pieces
from workers.exact_search import Rows, top_k
from workers.vector_store import StoredVectors, VectorStore

Instructions = Literal["card", "on", "off"]


class DenseRetrieval:
    """Ranks passages by their vectors; with a splitter, by the best of their pieces.

    Without one a passage is read as far as the model's length, as published figures are made.
    """

    kind = "dense"

    def __init__(
        self,
        encoder: Encoder,
        store: VectorStore,
        *,
        name: str = "",
        instructions: Instructions = "card",
        splitter: Splitter | None = None,
        device: str = "cpu",
    ) -> None:
        self._name = name or encoder.card.name
        self._card = instructed(encoder.card, instructions)
        self._encoder = encoder
        self._store = store
        self._splitter = splitter
        self._device = device

    def describe(self) -> dict[str, str]:
        return {
            "model": self._name,
            "card": self._card.name,
            "revision": self._encoder.revision,
            "backend": self._encoder.backend,
            "instructions": "on" if self._card.knows_intents else "off",
            "documents": "split" if self._splitter else "truncated",
        }

    def search(self, collection: Collection, *, k: int) -> dict[str, list[Hit]]:
        """Look through pieces, best first, down to where each query has met k different passages."""
        pieces = pieces_of(collection, self._splitter)
        owners = np.array([piece.passage for piece in pieces])
        depth = min(k, len(pieces))
        while True:
            found = self.find(collection, pieces, k=depth)
            fewest = min(len(np.unique(owners[list(rows)])) for rows in found.values())
            if fewest >= k or depth == len(pieces):
                return best_passages(collection, pieces, found, k=k)
            depth = min(2 * depth, len(pieces))

    def find(self, collection: Collection, pieces: Sequence[Piece], *, k: int) -> Found:
        """Return the k best pieces for each query."""
        passages, queries = self._vectors(collection, pieces)
        hidden = excluded_pieces(collection, pieces)
        scores, rows = top_k(queries, passages, k, exclude=hidden, device=self._device)
        return {query.id: _found(scores[number], rows[number]) for number, query in enumerate(collection.queries)}

    def score(self, collection: Collection, pieces: Sequence[Piece], rows: Mapping[str, Sequence[int]]) -> Found:
        """Return for each query the scores of these pieces."""
        passages, queries = self._vectors(collection, pieces)
        return {
            query.id: dict(zip(wanted, (passages.at(wanted) @ vector).tolist(), strict=True)) if wanted else {}
            for query, vector in zip(collection.queries, queries, strict=True)
            for wanted in [list(rows[query.id])]
        }

    def _vectors(self, collection: Collection, pieces: Sequence[Piece]) -> tuple[StoredVectors, Vectors]:
        passages = self._embed([self._card.passage_text(piece.text) for piece in pieces])
        texts = [self._card.query_text(query.text, query.intent) for query in collection.queries]
        return passages, self._embed(texts).in_memory()

    def _embed(self, texts: Sequence[str]) -> StoredVectors:
        return self._store.embed(texts, advance=log_progress(len(texts)))


def instructed(card: RetrieverCard, instructions: Instructions) -> RetrieverCard:
    """Return `card` with the intents' instructions put before queries, or taken away."""
    if instructions == "on" and not card.knows_intents:
        return replace(card, prompts=replace(card.prompts, query=DMRETRIEVER.query))
    if instructions == "off" and card.knows_intents:
        return replace(card, prompts=replace(card.prompts, query=""))
    return card


def _found(scores: Vectors, rows: Rows) -> dict[int, float]:
    """Return the score of each row, best first. scores, rows: (k,); a row of -1 fills up."""
    return {int(row): float(score) for score, row in zip(scores, rows, strict=True) if row >= 0}
