"""What people would take instead of pgvector, on the same vectors: each in a process of its own, without Django.

    python -m apps.search.benchmark.peers faiss FOLDER RECALL

prints one JSON object. The libraries are in requirements/bench.txt and nowhere else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from apps.search.benchmark import cloud
from apps.search.benchmark.cloud import NEAREST, recall
from apps.search.benchmark.memory import Peak, cpu_seconds, own

M, EF_CONSTRUCTION = 16, 64
#: How hard a peer searches, from the least: the first that finds as much as we do counts.
EFFORTS = (16, 24, 32, 48, 64, 100, 150, 200, 300, 400, 600, 1000, 2000, 4000)


class Peer(ABC):
    """One library: how it loads, builds and searches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def load(self, vectors: np.ndarray, few: np.ndarray) -> None: ...

    @abstractmethod
    def build(self) -> None: ...

    @abstractmethod
    def size(self) -> int:
        """Return the bytes on disk."""

    @abstractmethod
    def search(self, query: np.ndarray, *, effort: int, only_few: bool = False) -> list[int]: ...


class Faiss(Peer):
    """A plain HNSW graph in memory: nothing is stored until it is written whole."""

    name = "faiss-cpu"

    def load(self, vectors: np.ndarray, few: np.ndarray) -> None:
        import faiss

        self._faiss, self._vectors = faiss, vectors
        self._few = faiss.IDSelectorBatch(np.nonzero(few)[0])
        self._index = faiss.IndexHNSWFlat(vectors.shape[1], M, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = EF_CONSTRUCTION

    def build(self) -> None:
        for _, block in cloud.blocks(self._vectors):
            self._index.add(np.ascontiguousarray(block))

    def size(self) -> int:
        path = self.folder / "faiss.index"
        self._faiss.write_index(self._index, str(path))
        return path.stat().st_size

    def search(self, query: np.ndarray, *, effort: int, only_few: bool = False) -> list[int]:
        chosen = self._faiss.SearchParametersHNSW(efSearch=effort, sel=self._few if only_few else None)
        return [int(row) for row in self._index.search(query[None], NEAREST, params=chosen)[1][0]]


class Lance(Peer):
    """A table of columns in files, its index an inverted file of graphs."""

    name = "lancedb"

    def load(self, vectors: np.ndarray, few: np.ndarray) -> None:
        import lancedb
        import pyarrow

        dim = vectors.shape[1]
        kind = pyarrow.list_(pyarrow.float32(), dim)
        fields = [("row", pyarrow.int64()), ("few", pyarrow.bool_()), ("vector", kind)]
        table = lancedb.connect(str(self.folder / "lance")).create_table("vectors", schema=pyarrow.schema(fields))
        for start, block in cloud.blocks(vectors):
            flat = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(block.reshape(-1)), dim)
            rows = pyarrow.array(np.arange(start, start + len(block)))
            some = pyarrow.array(few[start : start + len(block)])
            table.add(pyarrow.table([rows, some, flat], names=["row", "few", "vector"]))
        self._table = table

    def build(self) -> None:
        options = {"index_type": "IVF_HNSW_SQ", "metric": "dot", "m": M, "ef_construction": EF_CONSTRUCTION}
        self._table.create_index(vector_column_name="vector", **options)
        self._table.create_scalar_index("few", index_type="BITMAP")

    def size(self) -> int:
        return sum(path.stat().st_size for path in (self.folder / "lance").rglob("*") if path.is_file())

    def search(self, query: np.ndarray, *, effort: int, only_few: bool = False) -> list[int]:
        asked = self._table.search(query).distance_type("dot").limit(NEAREST).ef(max(effort, 2 * NEAREST))
        asked = asked.nprobes(max(1, effort // 8)).refine_factor(max(2, effort // 32)).select(["row", "_distance"])
        if only_few:
            asked = asked.where("few = true", prefilter=True)
        return [int(row) for row in asked.to_arrow()["row"].to_pylist()]


PEERS: dict[str, type[Faiss] | type[Lance]] = {"faiss": Faiss, "lancedb": Lance}


def measure(name: str, folder: Path, *, wanted: float) -> dict[str, Any]:
    """Load, build and search; at the least effort that finds the share `wanted` of what exact search finds."""
    made = cloud.read(folder)
    peer = PEERS[name](folder)
    with Peak(partial(own, os.getpid())) as peak:
        load_s = seconds(lambda: peer.load(made.vectors, made.few))
        used = cpu_seconds(os.getpid())
        build_s = seconds(peer.build)
        used = cpu_seconds(os.getpid()) - used
    figures = {
        "system": f"{name} {version(peer.name)}",
        "load_s": load_s,
        "build_s": build_s,
        "build_cpu_s": round(used),
    }
    figures |= {"memory_mb": round(peak.bytes / 1e6), "size_mb": round(peer.size() / 1e6)}
    every = at_equal_recall(made.queries, made.truth, partial(_search, peer), wanted=wanted)
    some = at_equal_recall(made.queries, made.truth_of_few, partial(_search, peer, only_few=True), wanted=wanted)
    return figures | every | {f"few_{key}": value for key, value in some.items()}


def _search(peer: Peer, query: np.ndarray, effort: int, *, only_few: bool = False) -> list[int]:
    return peer.search(query, effort=effort, only_few=only_few)


def at_equal_recall(
    queries: np.ndarray, truth: np.ndarray, search: Callable[[np.ndarray, int], list[int]], *, wanted: float
) -> dict[str, float]:
    """Return recall and milliseconds at the least effort that reaches `wanted`; else at the highest recall there is."""
    best: dict[str, float] = {"recall": -1.0}
    for effort in EFFORTS:
        seen = timed(queries, truth, partial(_at, search, effort))
        if seen["recall"] > best["recall"]:
            best = {"effort": effort} | seen
        if best["recall"] >= wanted:
            break
    return best


def _at(search: Callable[[np.ndarray, int], list[int]], effort: int, query: np.ndarray) -> list[int]:
    return search(query, effort)


def timed(queries: np.ndarray, truth: np.ndarray, search: Callable[[np.ndarray], list[int]]) -> dict[str, float]:
    """Return recall@10 and the milliseconds of a search at the 50th and 95th percentile, one after the other."""
    for query in queries[:10]:  # whatever is loaded at the first search
        search(query)
    found, took = [], []
    for query in queries:
        started = time.perf_counter()
        found.append(search(query))
        took.append(1000 * (time.perf_counter() - started))
    p50, p95 = np.percentile(took, (50, 95))
    return {"recall": recall(found, truth), "p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2)}


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 1)


if __name__ == "__main__":
    peer_name, where, least = sys.argv[1:]
    sys.stdout.write(json.dumps(measure(peer_name, Path(where), wanted=float(least))))
