"""What the model knew before it was trained, at hand in every batch.

As a guard: what it found near the query is no negative of it, after GISTEmbed (arXiv 2402.16829). As what is to be
kept: its own scores, of queries without an instruction if it knows none, are what training must not lead far from.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import find_checkpoint
from apps.retrievers.naming import named_retriever
from workers.encoders import get_encoder
from workers.refinement.examples import key_of
from workers.refinement.progress import Progress
from workers.training.group import Group, StartVectors
from workers.training.sources import Source
from workers.vector_store import VectorStore


class Guide:
    """Knows the vectors of all texts of a training by the model in `folder`; mining has left most of them."""

    def __init__(self, folder: Path, sources: Sequence[Source], *, progress: Path) -> None:
        card, checkpoint = named_retriever(str(folder))
        found = find_checkpoint(card)
        if found and found.path == folder:
            checkpoint = None  # by its name, as the miner calls it: its vectors are at hand
        encoder = get_encoder(card, folder=checkpoint, backend="torch")
        texts = dict(_texts(sources, card))
        store = VectorStore(Path(os.environ.get("DMSEARCH_HOME", ".dmsearch")) / "refinement" / "vectors", encoder)
        told = Progress(progress, stage="embed with the start", total=len(texts))
        self._vectors = store.embed(texts.values(), advance=told.advance)
        self._rows = {key: row for row, key in enumerate(texts)}

    def vectors(self, groups: Sequence[Group]) -> StartVectors:
        triples = [group.triple for group in groups]
        queries = self._vectors.at([self._rows[triple.intent, key_of(triple.query)] for triple in triples])
        passages = self._vectors.at([self._rows["", key] for group in groups for key in group.keys])
        return StartVectors(queries, passages)


def too_near(
    scores: NDArray[np.float32], candidates: NDArray[np.bool_], positives: NDArray[np.int64], *, share: float, rank: int
) -> NDArray[np.bool_]:
    """Return (Q, P): which passages score above `share` of the positive's score; the positive is not among them.

    scores, candidates: (Q, P); positives: (Q,), places of passages. A query whose positive stands behind more than
    `rank` candidates (0: any number) is left alone: what does not find the positive cannot tell what else answers.
    """
    numbers = np.arange(len(scores))
    own = scores[numbers, positives][:, None]
    near = scores > share * own
    near[numbers, positives] = False
    if rank:
        near[((scores > own) & candidates).sum(axis=1) > rank] = False
    return near


def _texts(sources: Sequence[Source], card: RetrieverCard) -> Iterator[tuple[tuple[str, int], str]]:
    """Yield what is embedded by a key of intent ("" for a passage) and text."""
    for source in sources:
        for triple in source.triples:
            yield (triple.intent, key_of(triple.query)), card.query_text(triple.query, triple.intent)
            for text in (*triple.positives, *triple.negatives):
                yield ("", key_of(text)), card.passage_text(text)
