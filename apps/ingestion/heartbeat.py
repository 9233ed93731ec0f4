"""A worker's sign of life while it reads one file, however long the file takes."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from django.db import Error, connection

from apps.ingestion.models import ItemLost, JobItem

log = logging.getLogger(__name__)

BEAT_S = 5.0


class Heartbeat:
    """Renew the item's `alive_at` from a thread of its own: a parser that is silent for minutes is not dead."""

    def __init__(self, item: JobItem, *, every: float = BEAT_S) -> None:
        self.item = item
        self.every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{item.pk}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self.every):
            try:
                self.item.mark_alive()
            except ItemLost:
                return  # the reading itself finds out at its next write
            except Error as failure:
                log.warning("No heartbeat of item %s: %s", self.item.pk, failure)
            finally:
                connection.close()  # this thread's own
