"""How far a run is: a line now and then for people, a small file for a page that watches."""

import logging
import time
from pathlib import Path
from typing import Any

from workers.refinement.journal import write_json

logger = logging.getLogger(__name__)

_EVERY_S = 5.0


class Progress:
    """Counts what is done and, every five seconds, tells it; `done` may begin above zero when a run goes on."""

    def __init__(self, path: Path, *, stage: str, total: int, done: int = 0) -> None:
        self._path = path
        self._stage = stage
        self._total = total
        self._before = self._done = done
        self._started = self._told = time.monotonic()

    def advance(self, count: int = 1, **facts: Any) -> None:
        self._done += count
        if time.monotonic() - self._told >= _EVERY_S or self._done == self._total:
            self._tell(facts)

    def _tell(self, facts: dict[str, Any]) -> None:
        self._told = time.monotonic()
        new = self._done - self._before
        left_s = round((self._total - self._done) * (self._told - self._started) / new) if new else None
        state = {"stage": self._stage, "done": self._done, "total": self._total, "left_s": left_s, **facts}
        write_json(self._path, state)
        told = "".join(f", {name} {value}" for name, value in facts.items())
        left = f", {left_s} s left" if new else ""
        logger.info("%s: %d of %d%s%s", self._stage, self._done, self._total, told, left)
