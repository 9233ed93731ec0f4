"""Vectors on disk by the text they are of: no text is encoded twice by a model, in this run or a later one.

Evaluation and refinement share it. It never holds the texts: they are read as a stream, and of each only
sixteen bytes stay in memory.
"""

import fcntl
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.encoders.base import Encoder, Vectors

_BATCH = 2_048  # texts encoded between two writes: what a killed run loses at most
_BLOCK = 8_192  # vectors read at a time: 128 MB of 4,096 dimensions
Keys = NDArray[np.uint64]
Rows = NDArray[np.int64]
Advance = Callable[[int], object]  #: told how many more texts are done


class StoredVectors:
    """Vectors (N, D) in the order of their texts; iterating reads them block by block."""

    def __init__(self, vectors: Vectors, rows: Rows) -> None:
        self._vectors = vectors
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Vectors]:
        for start in range(0, len(self), _BLOCK):
            yield self._vectors[self._rows[start : start + _BLOCK]]

    def at(self, positions: Sequence[int] | Rows) -> Vectors:
        return np.asarray(self._vectors[self._rows[positions]])

    def in_memory(self) -> Vectors:
        return np.asarray(self._vectors[self._rows])


class VectorStore:
    """Two files that only grow: `vectors.f32` and, in the same order, `keys`; a row counts once both hold it.

    One folder holds what one encoder made: a model, at a revision, computed by one backend.
    """

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        name = f"{encoder.card.name}-{encoder.revision[:16]}-{encoder.backend}"
        self._folder = folder / re.sub(r"[^\w.-]", "_", name)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._vectors_path = self._folder / "vectors.f32"
        self._keys_path = self._folder / "keys"
        self._vectors_path.touch()
        self._keys_path.touch()
        self._encoder = encoder
        self._row_bytes = 4 * encoder.card.dim

    def embed(self, texts: Iterable[str], *, advance: Advance = lambda _: None) -> StoredVectors:
        """Return the vectors of `texts`, encoding those that are not there yet."""
        known = _Known(np.fromfile(self._keys_path, dtype=np.uint64, count=self._count()))
        wanted: list[Keys] = []
        remaining = iter(texts)
        while batch := list(islice(remaining, _BATCH)):
            keys = _keys(batch)
            missing = known.missing(keys)
            if len(missing):
                vectors = self._encoder.encode([batch[position] for position in missing])
                known.add(keys[missing], first_row=self._append(keys[missing], vectors))
            wanted.append(keys)
            advance(len(batch))
        rows = known.rows(np.concatenate(wanted)) if wanted else np.empty(0, dtype=np.int64)
        return StoredVectors(self._vectors(), rows)

    def _append(self, keys: Keys, vectors: Vectors) -> int:
        """Write rows after those that are whole; returns the number of the first."""
        with self._vectors_path.open("r+b") as vector_file, self._keys_path.open("r+b") as key_file:
            fcntl.flock(key_file, fcntl.LOCK_EX)  # until it is closed: another run may write too
            count = self._count()
            vector_file.seek(count * self._row_bytes)
            vector_file.truncate()
            vector_file.write(np.ascontiguousarray(vectors, dtype=np.float32).tobytes())
            vector_file.flush()
            key_file.seek(count * keys.itemsize)
            key_file.truncate()
            key_file.write(keys.tobytes())
        return count

    def _vectors(self) -> Vectors:
        shape = (self._count(), self._encoder.card.dim)
        if not shape[0]:  # an empty file cannot be mapped
            return np.empty(shape, dtype=np.float32)
        return np.memmap(self._vectors_path, dtype=np.float32, mode="r", shape=shape)

    def _count(self) -> int:
        return min(self._keys_path.stat().st_size // 8, self._vectors_path.stat().st_size // self._row_bytes)


class _Known:
    """Which keys stand in which rows: sorted, so that a key is found by halving."""

    def __init__(self, keys: Keys) -> None:
        self._rows = np.argsort(keys, kind="stable")
        self._keys = keys[self._rows]

    def missing(self, keys: Keys) -> Rows:
        """Return the positions of keys that are not known, each key once."""
        unique, positions = np.unique(keys, return_index=True)
        places = np.searchsorted(self._keys, unique)
        inside = places < len(self._keys)
        inside[inside] = self._keys[places[inside]] == unique[inside]
        return np.sort(positions[~inside])

    def add(self, keys: Keys, *, first_row: int) -> None:
        order = np.argsort(keys)
        places = np.searchsorted(self._keys, keys[order])
        self._keys = np.insert(self._keys, places, keys[order])
        self._rows = np.insert(self._rows, places, first_row + order)

    def rows(self, keys: Keys) -> Rows:
        return self._rows[np.searchsorted(self._keys, keys)]


def _keys(texts: Sequence[str]) -> Keys:
    digests = (blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
