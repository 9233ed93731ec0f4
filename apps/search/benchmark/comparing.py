"""What a search finds and how long it takes, against comparing with every vector."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from apps.indexing.models import VectorIndex
from apps.search.benchmark import material, serving
from apps.search.benchmark.options import Say
from apps.search.scope import Found

Find = Callable[[np.ndarray], tuple[Found, ...]]


def sentences(index: VectorIndex, *, say: Say) -> material.Material:
    say(f"encoding sentences with {index.retriever}")
    with tempfile.TemporaryDirectory() as folder, serving.query_worker(Path(folder), index=index):
        return material.gather(index)


def timed(queries: np.ndarray, find: Find) -> tuple[list[set[int]], tuple[float, float]]:
    """Return which passages each query finds, and the milliseconds at the 50th and 95th percentile."""
    find(queries[0])
    found, taken_ms = [], []
    for query in queries:
        started = time.perf_counter()
        answer = find(query)
        taken_ms.append(1000 * (time.perf_counter() - started))
        found.append({each.passage_id for each in answer})
    p50, p95 = np.percentile(taken_ms, (50, 95))
    return found, (round(float(p50), 1), round(float(p95), 1))


def recall(found: Sequence[set[int]], exact: Sequence[set[int]]) -> float:
    shares = [len(some & all_) / len(all_) for some, all_ in zip(found, exact, strict=True)]
    return round(float(np.mean(shares)), 4)
