"""A cloud of vectors as a model makes them: around those of real sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from apps.search.benchmark.cloud import BLOCK, Cloud, nearest
from apps.search.benchmark.material import Material, noisy, queries_near

SENTENCES_A_PASSAGE = (1, 12)
#: The share of passages that the filtered searches look at.
FEW = 0.01


def make(material: Material, folder: Path, *, count: int, queries: int) -> Cloud:
    """Write the cloud's files to `folder`: the same on every machine."""
    random = np.random.default_rng(0)
    dim = material.vectors.shape[1]
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float32, shape=(count, dim))
    for start in range(0, count, BLOCK):
        part = vectors[start : start + BLOCK]
        part[:] = _block(material, len(part), random)
    vectors.flush()
    few = random.random(count) < FEW
    asked = queries_near(material, queries)
    cloud = Cloud(
        folder, vectors, asked, few, truth=nearest(vectors, asked), truth_of_few=nearest(vectors, asked, only=few)
    )
    for name in ("queries", "few", "truth", "truth_of_few"):
        np.save(folder / f"{name}.npy", getattr(cloud, name))
    return cloud


def _block(material: Material, count: int, random: np.random.Generator) -> np.ndarray:
    """Return means of a few sentences each, with noise: passages about several things at once."""
    low, high = SENTENCES_A_PASSAGE
    sizes = random.integers(low, high + 1, size=count)
    owners = np.repeat(np.arange(count), sizes)
    chosen = material.vectors[random.integers(len(material.vectors), size=len(owners))]
    sums = np.add.reduceat(chosen, np.concatenate([[0], np.cumsum(sizes)[:-1]]), axis=0)
    return noisy(sums, random)
