"""Concurrent queries share a forward pass."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future

import numpy as np

from workers.encoders.base import Encoder

# Queries that arrive while one pass runs wait for the next together; alone, none waits at all.
MAX_BATCH = 32


class MicroBatcher:
    """Encode single texts from many threads in few passes.

    One thread drains what has gathered since its last pass, so that a lone query starts at once
    and under load the batch grows by itself: no fixed waiting time to tune.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._waiting: queue.SimpleQueue[tuple[str, Future[np.ndarray]]] = queue.SimpleQueue()
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
        self._waiting.put((text, future))
        return future.result()

    def _run(self) -> None:
        while True:
            batch = self._gather()
            try:
                vectors = self._encoder.encode([text for text, _ in batch])
            except Exception as failure:  # raised again in the thread of each asker
                for _, future in batch:
                    future.set_exception(failure)
            else:
                for (_, future), vector in zip(batch, vectors, strict=True):
                    future.set_result(vector)

    def _gather(self) -> list[tuple[str, Future[np.ndarray]]]:
        batch = [self._waiting.get()]
        while len(batch) < MAX_BATCH:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return batch
