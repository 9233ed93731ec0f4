"""bench filters: as many as asked for while so many exist, and the right ones, however few a filter leaves."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from django.db import connection

from apps.corpora.models import Corpus
from apps.indexing import services
from apps.indexing.models import VectorIndex
from apps.search import dense
from apps.search.benchmark import comparing, material, measuring, serving
from apps.search.benchmark.options import Say
from apps.search.scope import Found, Scope

SHARES = (0.5, 0.1, 0.01, 0.001)
ASKED = 100
NEAREST = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """One filter; times are ms of the SQL at the 50th and 95th percentile."""

    passages: int
    share: float
    in_scope: int
    estimate: int  #: what the planner took that for, and so the path
    path: str
    fewest: int  #: found by any query, of `ASKED` or as many as there are
    recall_at_10: float
    search_ms: tuple[float, float]
    exact_ms: tuple[float, float]


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=100_000, help="passages")
    parser.add_argument("--queries", type=int, default=100)


def measure(*, count: int, queries: int, say: Say, **_: Any) -> Iterator[Figures]:
    with serving.servers(), serving.throw_away_database():
        index = services.ensure_index()
        stuff = comparing.sentences(index, say=say)
        say(f"making {count:,} passages")
        filler = material.Filler(index, stuff)
        filler.grow_to(count)
        _publish(SHARES)
        filler.settle()
        asked = material.queries_near(stuff, queries)
        corpora = tuple(Corpus.objects.values_list("pk", flat=True))
        for share in SHARES:
            scope = Scope(corpora=corpora, publishers=(f"share {share}",))
            yield _figures(scope, asked, share=share, index=index, passages=count)


def table(figures: Sequence[Figures]) -> Iterator[str]:
    yield f"{measuring.machine()}; SQL of one search by meaning at a time, {ASKED} asked for; ms, p50 / p95"
    yield ""
    yield "| filter leaves | passages | estimated | path | fewest found | recall@10 | search | exact scan |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in figures:
        times = " | ".join("{:.1f} / {:.1f}".format(*ms) for ms in (row.search_ms, row.exact_ms))
        counts = f"{row.in_scope:,} of {row.passages:,} | {row.estimate:,} | {row.path}"
        yield f"| {row.share:.1%} | {counts} | {row.fewest} | {row.recall_at_10:.3f} | {times} |"


def _publish(shares: Sequence[float]) -> None:
    """Give each share of the passages, drawn by chance, a publisher of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0)")
        cursor.execute("CREATE TEMP TABLE drawn AS SELECT id, random() AS at FROM corpora_passage")
        start = 0.0
        for share in shares:
            cursor.execute(
                "UPDATE corpora_passage p SET publisher = %s FROM drawn "
                "WHERE drawn.id = p.id AND drawn.at >= %s AND drawn.at < %s",
                [f"share {share}", start, start + share],
            )
            start += share


def _figures(scope: Scope, asked: np.ndarray, *, share: float, index: VectorIndex, passages: int) -> Figures:
    found, search_ms = comparing.timed(asked, partial(dense.find, scope=scope, index=index, limit=ASKED))
    fewest = min(map(len, found))
    nearest = partial(_first, scope=scope, index=index)
    exactly = partial(dense.find_exactly, scope=scope, index=index, limit=NEAREST)
    exact, exact_ms = comparing.timed(asked, exactly)
    first, _ = comparing.timed(asked, nearest)
    return Figures(
        passages=passages,
        share=share,
        in_scope=scope.passages().count(),
        estimate=round(scope.estimate()),
        path="graph" if dense.by_graph(scope, index, ASKED) else "exact",
        fewest=fewest,
        recall_at_10=comparing.recall(first, exact),
        search_ms=search_ms,
        exact_ms=exact_ms,
    )


def _first(vector: np.ndarray, scope: Scope, index: VectorIndex) -> tuple[Found, ...]:
    return dense.find(vector, scope, index=index, limit=ASKED)[:NEAREST]
