"""Requests as a browser makes them, and what they took."""

from __future__ import annotations

import http.client
import os
import platform
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

PARTS = ("whole", "encode", "sql", "render")
WARM_UP = 20

_DURATION = re.compile(r"(\w+);dur=([\d.]+)")


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds at the 50th and 95th percentile, of the whole request and of its parts."""

    passages: int
    cached: bool  #: the queries had been asked before, so that their vectors were at hand
    requests: int
    p50: dict[str, float]
    p95: dict[str, float]


class RequestFailed(Exception):
    """A request was not answered with a page found by meaning and words."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in who asks one query after another over one connection."""

    port: int
    cookie: str

    def ask(self, queries: Sequence[str], *, passages: int, cached: bool) -> Figures:
        """Ask for the whole page of each query; `passages` and `cached` are for the record."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        rows = [_request(line, query, cookie=self.cookie) for query in queries]
        line.close()
        return Figures(passages, cached, len(rows), p50=_percentile(rows, 50), p95=_percentile(rows, 95))


def _request(line: http.client.HTTPConnection, query: str, *, cookie: str) -> dict[str, float]:
    started = time.perf_counter()
    line.request("GET", f"/?{urlencode({'q': query})}", headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
    response = line.getresponse()
    response.read()
    whole = (time.perf_counter() - started) * 1000
    parts = {name: float(ms) for name, ms in _DURATION.findall(response.headers.get("Server-Timing", ""))}
    if response.status != 200 or "encode" not in parts:
        raise RequestFailed(f"{query!r} was answered {response.status}, timings {parts}")
    return {"whole": whole, **parts}


def _percentile(rows: Sequence[dict[str, float]], percent: int) -> dict[str, float]:
    return {part: round(float(np.percentile([row[part] for row in rows], percent)), 1) for part in PARTS}


def new_queries(sentences: Sequence[str], count: int, *, seed: int) -> list[str]:
    """Make `count` different queries: a few words on end out of a sentence, half of them as questions."""
    choose = random.Random(seed)  # noqa: S311 - the same queries each time are the point
    made: dict[str, None] = {}
    while len(made) < count:
        words = choose.choice(sentences).strip("#-*| ").split()
        start = choose.randrange(max(1, len(words) - 3))
        piece = " ".join(words[start : start + choose.randint(3, 12)])
        made[f"What about {piece}?" if len(made) % 2 else piece] = None
    return list(made)


def machine() -> str:
    """Say what kind of machine this is."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    return f"{os.cpu_count()} cores, {names[0] if names else platform.processor() or platform.machine()}"
