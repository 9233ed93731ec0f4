"""Short marks of a text by which its near-copies are found among a million: MinHash bands and whole sentences. Pure.

MinHash (Broder 1997): the smallest hash of a set's elements is the same for two sets as often as they share elements.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np

from apps.corpora.duplicates.normalising import Normalised
from apps.corpora.duplicates.similarity import FEWEST, headlines

# Two texts with a Jaccard of 0.7 share a band with a probability of 0.985, of 0.5 with 0.74, of 0.1 with 0.01.
BANDS, ROWS = 10, 3
_FIRST = 6  # words with which a post that was cut off is found
_MOST_PARTS = 6

_random = np.random.default_rng(20260101)  # the same for ever: keys are kept
_FACTORS = _random.integers(1, 2**63, size=(BANDS * ROWS, 1), dtype=np.uint64) | np.uint64(1)
_TERMS = _random.integers(0, 2**63, size=(BANDS * ROWS, 1), dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Marks:
    text_key: int  #: the same for texts with the same words
    keys: tuple[int, ...]  #: near-copies share at least one


def marks_of(text: Normalised) -> Marks | None:
    """Return the marks of a text, or None where it says too little to be anybody's copy."""
    if len(text.words) < FEWEST:
        return None
    keys = {*_bands(text), *(_key("part", *part) for part in _parts(text))}
    return Marks(_key("text", *text.words), tuple(sorted(keys)))


def _bands(text: Normalised) -> list[int]:
    hashes = np.array([zlib.crc32(shingle.encode()) for shingle in text.shingles], dtype=np.uint64)
    smallest = ((hashes * _FACTORS + _TERMS) >> np.uint64(32)).min(axis=1).reshape(BANDS, ROWS)
    return [_key("band", number, *band) for number, band in enumerate(smallest.tolist())]


def _parts(text: Normalised) -> list[tuple[str, ...]]:
    """Return what a headline shares with the same and its lead, and a post with itself cut off or quoted."""
    return [text.words[:_FIRST], *sorted(headlines(text, anywhere=True), key=len, reverse=True)[:_MOST_PARTS]]


def _key(*parts: object) -> int:
    digest = hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
