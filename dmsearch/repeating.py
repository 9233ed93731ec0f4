"""Doing something again and again while a block of code is busy: telling the database that work goes on, looking at memory."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from django.db import Error, connection

log = logging.getLogger(__name__)


class Over(Exception):
    """What is repeated raises it when there is no more use in it."""


class Repeating:
    """Calls `act` every so many seconds from a thread of its own: a parser or a model that is silent for minutes is not dead."""

    def __init__(self, act: Callable[[], None], *, every: float, name: str) -> None:
        self._act, self._every, self._name = act, every, name
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._act()
            except Over:
                return
            except Error as failure:
                log.warning("%s: not this time: %s", self._name, failure)
            finally:
                connection.close()  # this thread's own
