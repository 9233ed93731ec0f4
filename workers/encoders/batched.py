"""From texts to vectors, whatever engine computes: tokenise, batch, compute, restore the order."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Semaphore

import numpy as np

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from workers.encoders.base import Forward, Vectors
from workers.encoders.batches import by_budget
from workers.encoders.selftest import check_vectors
from workers.encoders.tokenizing import TextTokenizer, TokenRows, padded

logger = logging.getLogger(__name__)

#: Texts tokenised at a time. Enough to find neighbours in length, few enough to hold.
_WINDOW = 1_024


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """What a backend takes: so many tokens a batch, padding included, and so many batches at once."""

    tokens: int = 4_096  #: measured on a CPU with all cores at one batch: anything from 1,024 on suits alike
    batches: int = 1


class BatchedEncoder:
    """An encoder over one `forward`; each backend gives its own."""

    def __init__(
        self,
        card: RetrieverCard,
        tokenizer: TextTokenizer,
        *,
        forward: Forward,
        revision: str,
        backend: str,
        capacity: Capacity,
    ) -> None:
        self.card = card
        self.revision = revision
        self.backend = backend
        self.token_budget = capacity.tokens
        self._tokenizer = tokenizer
        self._forward = forward
        self._turn = Semaphore(capacity.batches)  # more batches would only share the same cores or memory
        self._pool = ThreadPoolExecutor(capacity.batches, "encode") if capacity.batches > 1 else None

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), self.card.dim), dtype=np.float32)
        for start in range(0, len(texts), _WINDOW):
            rows = self._tokenizer.token_ids(texts[start : start + _WINDOW])
            batches = by_budget([len(row) for row in rows], budget=self.token_budget)
            fill = partial(self._fill, vectors[start : start + len(rows)], rows)
            for _ in self._pool.map(fill, batches) if self._pool else map(fill, batches):
                pass  # raises what a batch raised
        return vectors

    def _fill(self, vectors: Vectors, rows: TokenRows, batch: Sequence[int]) -> None:
        """Compute the rows at `batch`, in two halves if they do not fit into memory together."""
        ids, mask = padded([rows[position] for position in batch], pad_id=self._tokenizer.pad_id)
        try:
            with self._turn:
                vectors[batch] = self._forward(ids, mask)
        except MemoryError:
            if len(batch) == 1:
                raise
        else:
            return
        self._shrink_to(ids.size // 2)
        middle = len(batch) // 2
        self._fill(vectors, rows, batch[:middle])
        self._fill(vectors, rows, batch[middle:])

    def _shrink_to(self, budget: int) -> None:
        if budget < self.token_budget:
            self.token_budget = budget
            logger.warning("Out of memory: batches are now at most %d tokens", budget)


def proven_encoder(
    card: RetrieverCard,
    checkpoint: Checkpoint,
    *,
    forward: Forward,
    backend: str,
    capacity: Capacity = Capacity(),
) -> BatchedEncoder:
    """Return the encoder over a backend's `forward`, once its vectors are proven to be sound."""
    tokenizer = TextTokenizer(card, checkpoint.path)
    check_vectors(forward, card, tokenizer)
    return BatchedEncoder(
        card,
        tokenizer,
        forward=forward,
        revision=checkpoint.revision,
        backend=backend,
        capacity=capacity,
    )
