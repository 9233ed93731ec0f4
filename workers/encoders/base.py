"""What every encoder promises, and the shape of what its backends compute."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from apps.retrievers.card import RetrieverCard

Vectors = NDArray[np.float32]
TokenIds = NDArray[np.int64]

#: (token ids, attention mask), both (B, T) -> unit-length vectors (B, D).
#: Raises MemoryError when the batch does not fit; a smaller one may.
Forward = Callable[[TokenIds, TokenIds], Vectors]


#: What an encoder is opened for: many texts at once, or one at a time and at once.
Workload = Literal["passages", "queries"]


class EncoderUnavailable(RuntimeError):
    """The model cannot be used here; the message says why and what to do."""


class Encoder(Protocol):
    card: RetrieverCard
    revision: str
    backend: str  #: which engine computes, and in which precision: "torch-bf16"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit-length row a text, in order: float32 (len(texts), card.dim).

        The texts already carry their prompts. Safe to call from several threads.
        """
        ...


def unit_length(vectors: Vectors) -> Vectors:
    """Scale rows to length one; a row of zeros stays as it is. vectors: (N, D)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
