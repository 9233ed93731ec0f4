"""manage.py evaluate: measure a model or the whole product, how intents are read, or take results in."""

from __future__ import annotations

import json
import shlex
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.experiments import evaluation_process, intents, measuring, recording, writing
from apps.experiments.evaluation_process import Collection, EvaluationFailed
from apps.experiments.measuring import RETRIEVALS, Subject
from apps.experiments.pipeline import PipelineFailed
from apps.retrievers.checkpoints import CheckpointMissing
from apps.retrievers.family import UnknownRetriever
from apps.retrievers.intents import Intent
from dmsearch.only_one import AlreadyRunning


class Command(BaseCommand):
    help = (
        "evaluate FOLDER: score a model alone (--search exact) or the product through its database (--search index) "
        "on a test collection. evaluate intents FOLDER: how queries are read. evaluate import [FOLDER]: take results "
        "of `python -m workers.evaluation` into the leaderboard."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", metavar="FOLDER|intents|import")
        parser.add_argument("folder", nargs="?", type=Path, help="for intents and import")
        parser.add_argument("--format", choices=("beir", "disastir", "trec"), default="beir")
        parser.add_argument("--intent", choices=list(map(str, Intent)), default="", help="of queries that name none")
        parser.add_argument("--model", default="", metavar="CARD|PATH", help="default: the product's own")
        parser.add_argument(
            "--retrieval", choices=(*RETRIEVALS, "all"), default="dense", help="all: three reports of one walk"
        )
        parser.add_argument("--search", choices=("exact", "index"), default="exact")
        parser.add_argument("--run-file", type=Path, metavar="F", help="write the rankings here, as a TREC run")
        parser.add_argument("--keep", action="store_true", help="leave the evaluation database for the next run")
        parser.add_argument("--record", action="store_true", help="into the leaderboard at /quality/")
        parser.add_argument("--json", action="store_true", help="print one JSON object a report")

    def handle(self, *, what: str, **options: Any) -> None:
        try:
            {"intents": self._intents, "import": self._import}.get(what, self._measure)(what, options)
        except (EvaluationFailed, PipelineFailed, intents.NothingToMeasure) as failure:
            raise CommandError(str(failure)) from failure
        except (UnknownRetriever, CheckpointMissing, ValueError, OSError) as failure:
            raise CommandError(str(failure)) from failure
        except AlreadyRunning as other:
            raise CommandError(f"Another evaluation uses the database: {other}.") from other

    def _measure(self, what: str, options: dict[str, Any]) -> None:
        folder = Path(what)
        if not folder.is_dir():
            raise CommandError(f"There is no folder {what}. A test collection is a folder; see docs/evaluation.md.")
        collection = Collection(folder=folder, format=options["format"], intent=options["intent"])
        subject = Subject.named(options["model"], retrieval=options["retrieval"])
        if options["run_file"] and len(subject.retrievals) > 1:
            raise CommandError("--run-file takes the rankings of one retrieval: name one.")
        if options["search"] == "exact":
            reports = measuring.measure_exactly(subject, collection, run_file=options["run_file"])
        else:
            reports = measuring.measure_product(
                subject, collection, run_file=options["run_file"], keep=options["keep"], say=self.stderr.write
            )
        for report in reports:
            if options["record"]:
                recording.record(report, command=shlex.join(["manage.py", *sys.argv[1:]]))
            self.stdout.write(json.dumps(report, ensure_ascii=False) if options["json"] else writing.report(report))

    def _intents(self, _: str, options: dict[str, Any]) -> None:
        if not options["folder"]:
            raise CommandError("Name a folder of test collections: manage.py evaluate intents FOLDER")
        queries = intents.labelled_queries(options["folder"])
        given = [query for query in queries if query.set in intents.SET_KINDS]
        shapes = intents.shapes(options["folder"])
        measured = {
            "kinds_not_given": intents.measure(queries),
            "shapes_known": intents.measure(queries, shapes=shapes),
        }
        if given:
            measured["kinds_given"] = intents.measure(given, kinds=intents.SET_KINDS, shapes=shapes)
        if options["json"]:
            self.stdout.write(json.dumps({name: found.to_json() for name, found in measured.items()}))
        else:
            self.stdout.write("\n".join(writing.confusion(found, name=name) for name, found in measured.items()))

    def _import(self, _: str, options: dict[str, Any]) -> None:
        source = options["folder"] or evaluation_process.folder() / "results"
        if not source.is_dir():
            raise CommandError(f"There is no folder {source}. `python -m workers.evaluation` writes its results there.")
        new, total = recording.import_results(source)
        self.stdout.write(f"{total} runs read, {new} of them new.")
