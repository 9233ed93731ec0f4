"""An encoder without a model: texts that share words come out near each other."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from apps.retrievers.card import RetrieverCard
from apps.retrievers.family import HASHING
from workers.encoders.base import Vectors, unit_length

_WORD = re.compile(r"\w+")
#: A faint direction that every text has, so that one without words still has length one.
_ALWAYS, _FAINT = "\x00", 0.01


class HashingEncoder:
    """Adds up one random direction a word. Stands in for a model in tests and in development."""

    backend = "hashing"

    def __init__(self, card: RetrieverCard = HASHING) -> None:
        self.card = card
        self.revision = card.revision

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.card.dim), dtype=np.float32)
        vectors += _FAINT * _direction(_ALWAYS, self.card.dim)
        for row, text in enumerate(texts):
            for word in _WORD.findall(text.lower()):
                vectors[row] += _direction(word, self.card.dim)
        return unit_length(vectors)


def _direction(word: str, dim: int) -> Vectors:
    """Return the same pseudo-random unit vector for the same word, in every process."""
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
    return unit_length(np.random.default_rng(seed).standard_normal((1, dim), np.float32))[0]
