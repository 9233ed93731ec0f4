"""Where the time of a search goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Clock:
    """Milliseconds since it was made, and how many of them each part took; parts may overlap."""

    started: float = field(default_factory=time.perf_counter)
    parts: dict[str, float] = field(default_factory=lambda: {"encode": 0.0, "sql": 0.0})

    @contextmanager
    def measuring(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.parts[part] = self.parts.get(part, 0.0) + (time.perf_counter() - started) * 1000

    def timing(self, part: str, do: Callable[P, T]) -> Callable[P, T]:
        """Return `do` with its time measured, for another thread to call."""

        def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            with self.measuring(part):
                return do(*args, **kwargs)

        return timed

    def total(self) -> float:
        return (time.perf_counter() - self.started) * 1000
