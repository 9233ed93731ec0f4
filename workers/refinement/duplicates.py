"""Near-duplicate documents by MinHash: 3-grams of words, 128 permutations, Jaccard 0.8 (DisastIR, arXiv 2505.15856).

The first of a group stays. Of each document that stays a few kilobytes are held: enough room for some hundred
thousand documents, not for millions of passages.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from datasketch import LeanMinHash, MinHash, MinHashLSH

from workers.records import Passage

_PERMUTATIONS = 128
_GRAM = 3
_WEIGHTS = (0.1, 0.9)  # a wrong candidate costs one comparison, a missed one stays in the corpus
_WORD = re.compile(r"\w+")


class Judged(NamedTuple):
    """A passage and, where it says much the same as an earlier one, that one's id."""

    passage: Passage
    duplicate_of: str = ""
    likeness: float = 0.0


def judge(passages: Iterable[Passage], *, threshold: float) -> Iterator[Judged]:
    """Yield every passage with the nearest of the earlier ones that it repeats, if there is any."""
    kept: dict[str, LeanMinHash] = {}
    index = MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS, weights=_WEIGHTS)
    for passage in passages:
        sketch = _sketch(f"{passage.title} {passage.text}")
        likeness, nearest = max(((sketch.jaccard(kept[each]), each) for each in index.query(sketch)), default=(0.0, ""))
        if likeness >= threshold:
            yield Judged(passage, nearest, likeness)
        else:
            if passage.id in kept:
                raise ValueError(f"Two passages have the id {passage.id!r}.")
            kept[passage.id] = sketch
            index.insert(passage.id, sketch)
            yield Judged(passage)


def _sketch(text: str) -> LeanMinHash:
    words = _WORD.findall(text.lower())
    grams = {" ".join(words[start : start + _GRAM]) for start in range(max(1, len(words) - _GRAM + 1))}
    sketch = MinHash(num_perm=_PERMUTATIONS)
    sketch.update_batch([gram.encode() for gram in grams])
    return LeanMinHash(sketch)
