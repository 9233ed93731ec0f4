"""bench vectors: how well and how quickly the graphs find large vectors, against comparing with every one.

Checkpoints with large vectors need a large machine. Their vectors are stood in for by those of the model at
hand, turned into the larger space by an orthonormal map, which keeps every cosine, with noise in all
dimensions.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
from django.db import connection

from apps.corpora.models import Corpus, Kind
from apps.indexing import ann, services
from apps.indexing.models import VectorIndex
from apps.retrievers.family import HASHING
from apps.search import dense
from apps.search.benchmark import comparing, material, measuring, serving
from apps.search.benchmark.options import Say, whole_numbers
from apps.search.scope import Found, Scope

NEAREST = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """One size of vector and one scope; times are ms of the SQL at the 50th and 95th percentile."""

    dims: int
    passages: int
    scope: str
    in_scope: int
    recall_at_10: float  #: the share of the ten that an exact scan finds, mean over the queries
    search_ms: tuple[float, float]
    exact_ms: tuple[float, float]
    build_s: float
    graph_mb: float


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--dims", type=whole_numbers, default="2560,4096", help="sizes of vector")
    parser.add_argument("--count", type=int, default=20_000, help="passages")
    parser.add_argument("--queries", type=int, default=100)


def measure(*, dims: Sequence[int], count: int, queries: int, say: Say, **_: Any) -> Iterator[Figures]:
    with serving.servers():
        with serving.throw_away_database():
            stuff = comparing.sentences(services.ensure_index(), say=say)
        for dim in dims:
            with serving.throw_away_database():
                yield from _of_dimension(dim, stuff, count=count, queries=queries, say=say)


def table(figures: Sequence[Figures]) -> Iterator[str]:
    yield f"{measuring.machine()}; SQL of one search at a time; ms, p50 / p95"
    yield ""
    yield "| dims | passages | in scope | recall@10 | search | exact scan | graph built in | graph |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in figures:
        times = " | ".join("{:.1f} / {:.1f}".format(*ms) for ms in (row.search_ms, row.exact_ms))
        scope = f"{row.scope}: {row.in_scope:,}"
        built = f"{row.build_s:.0f} s | {row.graph_mb:.0f} MB"
        yield f"| {row.dims:,} | {row.passages:,} | {scope} | {row.recall_at_10:.3f} | {times} | {built} |"


def _of_dimension(dim: int, stuff: material.Material, *, count: int, queries: int, say: Say) -> Iterator[Figures]:
    stuff = material.widened(stuff, dim)
    index = services.create_index(replace(HASHING, dim=dim), revision="benchmark")
    say(f"making {count:,} vectors of {dim:,} dimensions and their graph")
    filler = material.Filler(index, stuff)
    filler.fill(count)
    build_s = _seconds(lambda: ann.build_hnsw(index))
    filler.settle()
    asked = material.queries_near(stuff, queries)
    for name, scope in _scopes():
        found, search_ms = comparing.timed(asked, partial(dense.find, scope=scope, index=index, limit=NEAREST))
        exact, exact_ms = comparing.timed(asked, partial(_exactly, scope=scope, index=index))
        yield Figures(
            dims=dim,
            passages=count,
            scope=name,
            in_scope=scope.passages().count(),
            recall_at_10=comparing.recall(found, exact),
            search_ms=search_ms,
            exact_ms=exact_ms,
            build_s=round(build_s, 1),
            graph_mb=_graph_mb(index),
        )


def _scopes() -> Iterator[tuple[str, Scope]]:
    """Yield everything there is, one kind (two in five passages) and a month (one in ten)."""
    corpora = tuple(Corpus.objects.values_list("pk", flat=True))
    yield "everything", Scope(corpora=corpora)
    yield "reports", Scope(corpora=corpora, kinds=(Kind.REPORT,))
    first = material.START.date()
    yield "a month", Scope(corpora=corpora, since=first, until=first + timedelta(days=28))


def _exactly(vector: np.ndarray, scope: Scope, index: VectorIndex) -> tuple[Found, ...]:
    return dense.find_exactly(vector, scope, index=index, limit=NEAREST)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _graph_mb(index: VectorIndex) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s::regclass)", [ann.hnsw_name(index.pk)])
        return round(cursor.fetchone()[0] / 1e6, 1)
