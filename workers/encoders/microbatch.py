"""Concurrent queries share a forward pass."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from workers.encoders.base import Encoder

# Queries that arrive while one pass runs wait for the next together; alone, none waits at all.
MAX_BATCH = 32
# Of what nobody waits for as for a query, so many texts go into a pass.
POLITE_BATCH = 8


class MicroBatcher:
    """Encode single texts from many threads in few passes.

    One thread drains what has gathered since its last pass, so that a lone query starts at once
    and under load the batch grows by itself: no fixed waiting time to tune.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._waiting: queue.SimpleQueue[tuple[str, Future[np.ndarray]] | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        threading.Thread(target=self._run, name="microbatch", daemon=True).start()

    @property
    def revision(self) -> str:
        return self._encoder.revision

    @property
    def waiting(self) -> int:
        """Queries that the next pass will take."""
        return self._waiting.qsize()

    def encode_one(self, text: str) -> np.ndarray:
        """Return the vector of `text`, float32 of shape (dim,); raise what the encoder raised."""
        future: Future[np.ndarray] = Future()
        with self._closing:
            late = self._closed
            if not late:
                self._waiting.put((text, future))
        return self._encoder.encode([text])[0] if late else future.result()

    def encode_several(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors of `texts`, (len(texts), dim), a few a pass: a query waits for one such pass at most."""
        parts = [texts[start : start + POLITE_BATCH] for start in range(0, len(texts), POLITE_BATCH)]
        return np.concatenate([self._encode_part(part) for part in parts])

    def _encode_part(self, texts: Sequence[str]) -> np.ndarray:
        futures: list[Future[np.ndarray]] = [Future() for _ in texts]
        with self._closing:
            late = self._closed
            for text, future in zip(texts if not late else (), futures, strict=False):
                self._waiting.put((text, future))
        return self._encoder.encode(list(texts)) if late else np.stack([future.result() for future in futures])

    def close(self) -> None:
        """End the thread, and with it the hold on the encoder, when what waits is done."""
        with self._closing:
            self._closed = True
            self._waiting.put(None)

    def _run(self) -> None:
        while batch := self._gather():
            try:
                vectors = self._encoder.encode([text for text, _ in batch])
            except Exception as failure:  # raised again in the thread of each asker
                for _, future in batch:
                    future.set_exception(failure)
            else:
                for (_, future), vector in zip(batch, vectors, strict=True):
                    future.set_result(vector)

    def _gather(self) -> list[tuple[str, Future[np.ndarray]]]:
        """Wait for a text and take what has come with it; nothing once it is closed and all is done."""
        batch: list[tuple[str, Future[np.ndarray]]] = []
        while len(batch) < MAX_BATCH:
            try:
                one = self._waiting.get(block=not batch)
            except queue.Empty:
                break
            if one is None:
                if batch:
                    self._waiting.put(None)  # seen again when this batch is done
                break
            batch.append(one)
        return batch
