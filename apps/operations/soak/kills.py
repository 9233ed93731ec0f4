"""Who is killed next, and when: at random, by a seed."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil
from redis.exceptions import RedisError

from apps.operations.soak.product import Product

# A backend takes PostgreSQL into recovery, the postmaster is started anew.
VICTIMS = ("web", "query", "embed", "ingest", "maintenance", "beat", "valkey", "postgres", "backend")
# No process: the broker forgets every message, vector and heartbeat.
FLUSH = "flush"
# The supervisor gives a program up that dies five times within 30 s of its start: a soak is no such fault.
SPARED_S = 40.0


@dataclass(slots=True)
class Killer:
    product: Product
    chance: random.Random
    every_s: float
    kills: Counter[str] = field(default_factory=Counter)
    _last: dict[str, float] = field(default_factory=dict)

    def until(self, stop: threading.Event) -> None:
        while not stop.wait(self.chance.uniform(0.5, 1.5) * self.every_s):
            self.strike()

    def strike(self) -> str:
        """Send SIGKILL to one process of a kind that was spared long enough, or flush the broker; return which, or ""."""
        running = self.product.processes()
        now = time.monotonic()
        there = [*(name for name in VICTIMS if name in running), FLUSH]
        ready = [name for name in there if now - self._last.get(name, -SPARED_S) >= SPARED_S]
        if not ready:
            return ""
        name = self.chance.choice(ready)
        self._last[name] = now
        try:
            if name == FLUSH:
                self.product.flush_broker()
            else:
                self.chance.choice(running[name]).send_signal(signal.SIGKILL)
        except (psutil.NoSuchProcess, RedisError):
            return ""
        self.kills[name] += 1
        return name
