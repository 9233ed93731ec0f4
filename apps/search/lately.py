"""What need not be worked out anew for each search: kept for some seconds, in each process by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lately(Generic[K, V]):
    """Keep only what may be old by `seconds` without a search finding less or what is not allowed."""

    seconds: float = 30.0
    at_most: int = 1_000
    _kept: dict[K, tuple[float, V]] = field(default_factory=dict)

    def get(self, key: K) -> V | None:
        known = self._kept.get(key)
        return known[1] if known and time.monotonic() - known[0] < self.seconds else None

    def keep(self, key: K, value: V) -> None:
        if len(self._kept) >= self.at_most:
            self._kept.clear()
        self._kept[key] = (time.monotonic(), value)

    def of(self, key: K, work_out: Callable[[], V]) -> V:
        if (known := self.get(key)) is not None:
            return known
        self.keep(key, value := work_out())
        return value
