"""Which passages a language model is asked about."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from heapq import nsmallest
from itertools import chain
from pathlib import Path

from workers.records import Passage, read_jsonl

_FEWEST_WORDS = 20  # of a passage that tells enough


class PassageSample:
    """`size` passages of the files (all, for 0), the same ones for the same seed; read as a stream."""

    def __init__(self, paths: Sequence[Path], *, size: int = 0, seed: int = 0) -> None:
        self._paths = paths
        self.too_short = 0
        ids = list(self._long_ids())
        if len(set(ids)) < len(ids):
            raise ValueError("Two passages have the same id.")
        self._ids = set(nsmallest(size, ids, key=lambda each: _draw(each, seed))) if size else set(ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[Passage]:
        return (passage for passage in self._passages() if passage.id in self._ids)

    def _long_ids(self) -> Iterator[str]:
        for passage in self._passages():
            if len(passage.text.split()) >= _FEWEST_WORDS:
                yield passage.id
            else:
                self.too_short += 1

    def _passages(self) -> Iterator[Passage]:
        return chain.from_iterable(read_jsonl(path, Passage) for path in self._paths)


def _draw(passage_id: str, seed: int) -> bytes:
    return blake2b(f"{seed}/{passage_id}".encode(), digest_size=8).digest()
