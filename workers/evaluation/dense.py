"""Dense retrieval, exact: every passage is compared with every query."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from apps.retrievers.card import RetrieverCard
from apps.retrievers.prompts import DMRETRIEVER
from workers.encoders.base import Encoder, Vectors
from workers.evaluation.collection import Collection, full_text
from workers.evaluation.embeddings import EmbeddingStore, StoredVectors
from workers.evaluation.ranking import Hit, cut
from workers.exact_search import Rows, top_k

Splitter = Callable[[str], Sequence[str]]  #: cuts a text into pieces the model reads to their end
Instructions = Literal["card", "on", "off"]


class DenseRetrieval:
    """Ranks passages by their vectors; with a splitter, by the best of their pieces.

    Without one a passage is read as far as the model's length, as published figures are made.
    """

    kind = "dense"

    def __init__(
        self,
        encoder: Encoder,
        store: EmbeddingStore,
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
        pieces, owners = self._pieces(collection)
        passages = self._store.embed([self._card.passage_text(piece) for piece in pieces])
        texts = [self._card.query_text(query.text, query.intent) for query in collection.queries]
        queries = self._store.embed(texts).in_memory()
        depth = k + any(query.exclude for query in collection.queries)
        scores, rows = self._best_pieces(queries, passages, owners, k=depth)
        owner_ids = [collection.passages[position].id for position in owners]
        return {
            query.id: cut(query, _hits(owner_ids, scores[number], rows[number]), k=k)
            for number, query in enumerate(collection.queries)
        }

    def _pieces(self, collection: Collection) -> tuple[list[str], Rows]:
        """Return the texts to embed and, for each, the position of its passage."""
        pieces: list[str] = []
        owners: list[int] = []
        for position, passage in enumerate(collection.passages):
            text = full_text(passage)
            # A passage without a word still has its place in the ranking.
            cut_up = (self._splitter(text) if self._splitter else ()) or [text]
            pieces += cut_up
            owners += [position] * len(cut_up)
        return pieces, np.array(owners, dtype=np.int64)

    def _best_pieces(self, queries: Vectors, passages: StoredVectors, owners: Rows, *, k: int) -> tuple[Vectors, Rows]:
        """Return pieces, best first, down to where each query has met k different passages."""
        depth = min(k, len(owners))
        while True:
            scores, rows = top_k(queries, passages, depth, device=self._device)
            fewest = min(len(np.unique(owners[found])) for found in rows)
            if fewest >= k or depth == len(owners):
                return scores, rows
            depth = min(2 * depth, len(owners))


def instructed(card: RetrieverCard, instructions: Instructions) -> RetrieverCard:
    """Return `card` with the intents' instructions put before queries, or taken away."""
    if instructions == "on" and not card.knows_intents:
        return replace(card, prompts=replace(card.prompts, query=DMRETRIEVER.query))
    if instructions == "off" and card.knows_intents:
        return replace(card, prompts=replace(card.prompts, query=""))
    return card


def _hits(owner_ids: Sequence[str], scores: Vectors, rows: Rows) -> list[Hit]:
    """Return each passage once, for the best of its pieces. scores, rows: (k,), best first."""
    best: dict[str, float] = {}
    for score, row in zip(scores, rows, strict=True):
        best.setdefault(owner_ids[row], float(score))
    return [Hit(passage_id, score) for passage_id, score in best.items()]
