"""Embeddings kept on disk by the text they are of, so that no text is ever encoded twice."""

import fcntl
import logging
import re
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from workers.encoders.base import Encoder, Vectors

logger = logging.getLogger(__name__)

_BATCH = 1024  # texts encoded between two writes: what a killed run loses at most
_BLOCK = 8_192  # vectors read at a time: 128 MB of 4,096 dimensions
_KEY_BYTES = 16


class StoredVectors:
    """Vectors (N, D) on disk, in the order of their texts; iterating reads them block by block."""

    def __init__(self, store: Vectors, rows: np.ndarray) -> None:
        self._store = store
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Vectors]:
        for start in range(0, len(self), _BLOCK):
            yield self._store[self._rows[start : start + _BLOCK]]

    def in_memory(self) -> Vectors:
        return np.asarray(self._store[self._rows])


class EmbeddingStore:
    """A folder of two files that only grow: `vectors.f32` and, in the same order, `keys`.

    A row counts once both files hold it, so a run that was killed leaves nothing wrong behind. One
    folder holds what one encoder made: a model, at a revision, computed by one backend.
    """

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        name = f"{encoder.card.name}-{encoder.revision}-{encoder.backend}"
        self._folder = folder / re.sub(r"[^\w.-]", "_", name)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._vectors_path = self._folder / "vectors.f32"
        self._keys_path = self._folder / "keys"
        self._vectors_path.touch()
        self._keys_path.touch()
        self._encoder = encoder
        self._row_bytes = 4 * encoder.card.dim

    def embed(self, texts: Sequence[str]) -> StoredVectors:
        """Return the vectors of `texts`, encoding those that the store lacks."""
        keys = [blake2b(text.encode(), digest_size=_KEY_BYTES).digest() for text in texts]
        known = self._known()
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            self._encode(missing)
            known = self._known()
        rows = np.array([known[key] for key in keys], dtype=np.int64)
        return StoredVectors(self._vectors(), rows)

    def _encode(self, missing: dict[bytes, str]) -> None:
        started = time.monotonic()
        keys = list(missing)
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            self._append(batch, self._encoder.encode([missing[key] for key in batch]))
            done = start + len(batch)
            rate = done / (time.monotonic() - started)
            left = (len(keys) - done) / rate
            logger.info("embedded %d of %d texts, %.0f a second, %.0f s left", done, len(keys), rate, left)

    def _append(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        with self._vectors_path.open("r+b") as vector_file, self._keys_path.open("r+b") as key_file:
            fcntl.flock(key_file, fcntl.LOCK_EX)  # until it is closed: another run may write too
            rows = self._rows()
            vector_file.seek(rows * self._row_bytes)
            vector_file.truncate()
            vector_file.write(np.ascontiguousarray(vectors, dtype=np.float32).tobytes())
            vector_file.flush()
            key_file.seek(rows * _KEY_BYTES)
            key_file.truncate()
            key_file.write(b"".join(keys))
            key_file.flush()

    def _known(self) -> dict[bytes, int]:
        """Return the row of each text's key. Two runs at once may have stored a text twice."""
        keys = self._keys_path.read_bytes()
        return {keys[row * _KEY_BYTES : (row + 1) * _KEY_BYTES]: row for row in range(self._rows())}

    def _vectors(self) -> Vectors:
        shape = (self._rows(), self._encoder.card.dim)
        if not shape[0]:  # an empty file cannot be mapped
            return np.empty(shape, dtype=np.float32)
        return np.memmap(self._vectors_path, dtype=np.float32, mode="r", shape=shape)

    def _rows(self) -> int:
        return min(
            self._keys_path.stat().st_size // _KEY_BYTES,
            self._vectors_path.stat().st_size // self._row_bytes,
        )
