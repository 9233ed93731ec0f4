"""bench query: how long a new query waits for its vector, by how many people ask at once, with and without a load."""

from __future__ import annotations

import random
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apps.indexing import jobs, services
from apps.indexing.models import VectorIndex
from apps.retrievers.intents import Intent
from apps.search.benchmark import material, measuring, serving
from apps.search.benchmark.options import Say, whole_numbers
from apps.search.encoding import encode_query

_OWED = 20_000  #: more than a worker embeds while we measure


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds from asking to having the vector; none of the queries was asked before."""

    users: int
    while_embedding: bool
    queries: int
    p50_ms: float
    p95_ms: float
    queries_per_s: float


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--users", type=whole_numbers, default="1,8,32", help="asking at once")
    parser.add_argument("--queries", type=int, default=320, help="in all, for each number of users")


def measure(*, users: Sequence[int], queries: int, say: Say, **_: Any) -> Iterator[Figures]:
    with serving.servers(), serving.throw_away_database(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index = services.ensure_index()
        say(f"starting a query worker ({index.retriever})")
        with serving.query_worker(folder, index=index):
            for embedding in (False, True):
                with _load(index, folder, say=say) if embedding else nullcontext():
                    for count in users:
                        yield _ask(count, queries, index=index, embedding=embedding)


def table(figures: Sequence[Figures]) -> Iterator[str]:
    yield f"{measuring.machine()}; from asking to having the vector, new queries only"
    yield ""
    yield "| users at once | an embed worker at work | p50 ms | p95 ms | queries/s |"
    yield "|---|---|---|---|---|"
    for row in figures:
        busy = "yes" if row.while_embedding else "no"
        yield f"| {row.users} | {busy} | {row.p50_ms:.0f} | {row.p95_ms:.0f} | {row.queries_per_s:.0f} |"


@contextmanager
def _load(index: VectorIndex, folder: Path, *, say: Say) -> Iterator[None]:
    """Keep an embed worker busy with more than it can do meanwhile."""
    say(f"making {_OWED:,} passages for an embed worker")
    choose = random.Random(0)  # noqa: S311 - the same passages each time are the point
    sentences = material.exercise_sentences()
    material.write_passages([" ".join(choose.choices(sentences, k=9)) for _ in range(_OWED)])
    with serving.embed_worker(folder, number=0):
        jobs.request_embedding(index_id=index.pk)
        serving.wait_for(lambda: services.progress(index).stored > 0, what="the first vectors")
        yield
        if not services.progress(index).owed:
            raise serving.ServerFailed("The embed worker was done too early: nothing was measured beside it.")


def _ask(users: int, queries: int, *, index: VectorIndex, embedding: bool) -> Figures:
    asked = measuring.new_queries(material.exercise_sentences(), queries, seed=users + 100 * embedding)
    serving.forget_vectors(asked, index=index)  # of an earlier measurement

    def ask(query: str) -> float:
        started = time.perf_counter()
        encode_query(query, Intent.QA, index=index)
        return 1000 * (time.perf_counter() - started)

    started = time.perf_counter()
    with ThreadPoolExecutor(users) as pool:
        taken_ms = list(pool.map(ask, asked))
    seconds = time.perf_counter() - started
    p50, p95 = np.percentile(taken_ms, (50, 95))
    return Figures(users, embedding, queries, round(float(p50), 1), round(float(p95), 1), round(queries / seconds, 1))
