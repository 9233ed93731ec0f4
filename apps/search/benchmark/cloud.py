"""Very many vectors, with queries and what an exact search finds: files that every system reads. No Django."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BLOCK = 20_000
NEAREST = 10


@dataclass(frozen=True, slots=True)
class Cloud:
    """vectors: (N, D) and queries: (Q, D), of unit length; few: (N,) tells which rows pass the filter."""

    folder: Path
    vectors: np.ndarray
    queries: np.ndarray
    few: np.ndarray
    truth: np.ndarray  #: (Q, 10): rows, nearest first
    truth_of_few: np.ndarray  #: the same among the few


def read(folder: Path) -> Cloud:
    """Read a cloud that was written, the vectors without taking them into memory."""
    names = ("queries", "few", "truth", "truth_of_few")
    small = {name: np.load(folder / f"{name}.npy") for name in names}
    return Cloud(folder, np.load(folder / "vectors.npy", mmap_mode="r"), **small)


def blocks(vectors: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(vectors), BLOCK):
        yield start, vectors[start : start + BLOCK]


def nearest(vectors: np.ndarray, queries: np.ndarray, *, only: np.ndarray | None = None) -> np.ndarray:
    """Return the rows, among `only`, of the ten nearest to each query, by looking at all."""
    scores = np.full((len(queries), NEAREST), -np.inf, np.float32)
    rows = np.full((len(queries), NEAREST), -1)
    for start, block in blocks(vectors):
        found = queries @ block.T
        if only is not None:
            found[:, ~only[start : start + len(block)]] = -np.inf
        all_scores = np.concatenate([scores, found], axis=1)
        all_rows = np.concatenate([rows, np.broadcast_to(np.arange(start, start + len(block)), found.shape)], axis=1)
        best = np.argsort(-all_scores, axis=1)[:, :NEAREST]
        scores, rows = np.take_along_axis(all_scores, best, axis=1), np.take_along_axis(all_rows, best, axis=1)
    return rows


def recall(found: list[list[int]], truth: np.ndarray) -> float:
    """Return the mean share of the true ten that were found."""
    shares = [len(set(some) & set(true)) / len(true) for some, true in zip(found, truth.tolist(), strict=True)]
    return round(float(np.mean(shares)), 4)
