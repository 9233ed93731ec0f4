"""manage.py bench search: p50 and p95 of whole requests, on a corpus made for it and removed after."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.indexing import services
from apps.retrievers.management.commands import bench
from apps.search.benchmark import material, measuring, serving


class Command(bench.Command):
    help = (
        "Measure this machine. encode: passages and queries a second, by backend. "
        "search: whole requests, in a database of their own, which is dropped in the end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        search = self.actions.add_parser("search", help="p50 and p95 of whole requests, by corpus size")
        search.add_argument("--passages", default="10000,100000", help="sizes to measure at")
        search.add_argument("--requests", type=int, default=200, help="at each size, with new and with cached vectors")
        search.add_argument("--json", action="store_true")

    def _search(self, *, passages: str, requests: int, **options: Any) -> None:
        if not all(size.isdecimal() for size in passages.split(",")):
            raise CommandError("--passages takes whole numbers with commas between them, such as 10000,100000.")
        sizes = sorted({int(size) for size in passages.split(",")})
        try:
            figures = list(self._measure(sizes, requests))
        except (serving.ServerFailed, measuring.RequestFailed) as failure:
            raise CommandError(str(failure)) from failure
        if options["json"]:
            self.stdout.write(json.dumps({"machine": measuring.machine(), "figures": [asdict(f) for f in figures]}))
        else:
            self.stdout.writelines(f"{line}\n" for line in _table(figures))

    def _measure(self, sizes: Sequence[int], requests: int) -> Iterator[measuring.Figures]:
        with serving.servers(), serving.throw_away_database(), tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            index = services.ensure_index()
            self._say(f"starting a web server and a query worker ({index.retriever})")
            cookie = serving.session_cookie()
            with serving.query_worker(folder, index=index), serving.web_server(folder) as port:
                visitor = measuring.Visitor(port, cookie)
                stuff = material.gather(index)
                filler = material.Filler(index, stuff)
                for size in sizes:
                    self._say(f"making {size:,} passages out of {len(stuff.sentences):,} sentences")
                    filler.grow_to(size)
                    queries = measuring.new_queries(stuff.sentences, measuring.WARM_UP + requests, seed=size)
                    serving.forget_vectors(queries, index=index)  # of an earlier measurement
                    visitor.ask(queries[: measuring.WARM_UP], passages=size, cached=False)
                    for cached in (False, True):
                        yield visitor.ask(queries[measuring.WARM_UP :], passages=size, cached=cached)

    def _say(self, text: str) -> None:
        self.stderr.write(text)


def _table(figures: Sequence[measuring.Figures]) -> Iterator[str]:
    yield f"{measuring.machine()}; whole page over HTTP, one request at a time; ms, p50 / p95"
    yield ""
    yield "| passages | query vector | whole | encode | SQL | render |"
    yield "|---|---|---|---|---|---|"
    for row in figures:
        cells = " | ".join(f"{row.p50[part]:.0f} / {row.p95[part]:.0f}" for part in measuring.PARTS)
        yield f"| {row.passages:,} | {'cached' if row.cached else 'new'} | {cells} |"
