"""bench search: p50 and p95 of whole requests, by corpus size."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from apps.indexing import services
from apps.search.benchmark import material, measuring, serving
from apps.search.benchmark.options import Say, whole_numbers


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--passages", type=whole_numbers, default="10000,100000", help="sizes to measure at")
    parser.add_argument("--requests", type=int, default=200, help="at each size, with new and with cached vectors")
    parser.add_argument("--keep", action="store_true", help="leave the database for the next measurement")


def measure(*, passages: Sequence[int], requests: int, keep: bool, say: Say, **_: Any) -> Iterator[measuring.Figures]:
    with serving.servers(), serving.throw_away_database(keep=keep), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index = services.ensure_index()
        say(f"starting a web server and a query worker ({index.retriever})")
        cookie = serving.session_cookie()
        with serving.query_worker(folder, index=index), serving.web_server(folder) as port:
            visitor = measuring.Visitor(port, cookie)
            stuff = material.gather(index)
            filler = material.Filler(index, stuff)
            for size in sorted(passages):
                say(f"making {size:,} passages out of {len(stuff.sentences):,} sentences")
                filler.grow_to(size)
                queries = measuring.new_queries(stuff.sentences, measuring.WARM_UP + requests, seed=size)
                serving.forget_vectors(queries, index=index)  # of an earlier measurement
                visitor.ask(queries[: measuring.WARM_UP], passages=size, cached=False)
                for cached in (False, True):
                    yield visitor.ask(queries[measuring.WARM_UP :], passages=size, cached=cached)


def table(figures: Sequence[measuring.Figures]) -> Iterator[str]:
    yield f"{measuring.machine()}; whole page over HTTP, one request at a time; ms, p50 / p95"
    yield ""
    yield "| passages | query vector | whole | encode | SQL | render |"
    yield "|---|---|---|---|---|---|"
    for row in figures:
        cells = " | ".join(f"{row.p50[part]:.0f} / {row.p95[part]:.0f}" for part in measuring.PARTS)
        yield f"| {row.passages:,} | {'cached' if row.cached else 'new'} | {cells} |"
