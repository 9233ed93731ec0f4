"""manage.py bench: encode is the encoders' own; the others work in a database made for them and dropped after."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.retrievers.checkpoints import CheckpointMissing
from apps.retrievers.management.commands import bench
from apps.search.benchmark import embedding, filters, graphs, measuring, queries, requests, serving, vectors
from apps.search.benchmark.options import Benchmark

_BENCHMARKS: dict[str, tuple[Benchmark, str]] = {
    "embed": (embedding, "passages a second through whole embed workers, against the encoder alone"),
    "query": (queries, "how long a new query waits for its vector, by how many people ask at once"),
    "index": (graphs, "loading, building and searching very many vectors, here and in other systems"),
    "search": (requests, "p50 and p95 of whole requests, by corpus size"),
    "filters": (filters, "how many and which passages a filtered search by meaning finds, by what the filter leaves"),
    "vectors": (vectors, "recall and time of the graphs on large vectors"),
}


class Command(bench.Command):
    help = (
        "Measure this machine. encode: passages and queries a second, by backend. "
        "The others work in a database of their own, which is dropped in the end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        for name, (benchmark, about) in _BENCHMARKS.items():
            action = self.actions.add_parser(name, help=about)
            benchmark.add_options(action)
            action.add_argument("--json", action="store_true")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action in _BENCHMARKS:
            self._measure(action, **options)
        else:
            super().handle(action=action, **options)

    def _measure(self, action: str, **options: Any) -> None:
        benchmark, _ = _BENCHMARKS[action]
        figures = []
        try:
            for found in benchmark.measure(**options, say=self.stderr.write):
                figures.append(found)
                self.stderr.write(json.dumps(asdict(found)))  # not lost when a later one fails
        except (CheckpointMissing, serving.ServerFailed, measuring.RequestFailed, graphs.PeerFailed) as failure:
            raise CommandError(str(failure)) from failure
        if options["json"]:
            self.stdout.write(json.dumps({"machine": measuring.machine(), "figures": [asdict(f) for f in figures]}))
        else:
            self.stdout.writelines(f"{line}\n" for line in benchmark.table(figures))
