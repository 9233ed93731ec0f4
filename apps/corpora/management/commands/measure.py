"""manage.py measure duplicates|metadata: how often the finders are right, on real texts that people labelled.

The texts are not ours to pass on: only their ids and labels are kept here. --data names the folder with the sets.
"""

from __future__ import annotations

import csv
import json
import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.corpora import duplicates, metadata
from apps.corpora.duplicates.measuring import Score, in_groups, in_pairs
from apps.corpora.metadata import measuring
from apps.corpora.metadata.gazetteer import gazetteer

_PAIRS = Path(duplicates.__file__).with_name("labelled_pairs.tsv")
_FACTS = Path(metadata.__file__).with_name("labelled_documents.jsonl")
_TWEETS = ("dev/crisislex_t26/corpus.jsonl", "dev/disaster_response_messages_dev/corpus.jsonl")
_DOCUMENTS = (*_TWEETS, "documents/real_documents.jsonl")


class Command(BaseCommand):
    help = "Measure how well near-duplicates and metadata are found, on labelled real texts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=("duplicates", "metadata"))
        parser.add_argument("--data", type=Path, default=os.environ.get("DMSEARCH_DEV_DATA"), metavar="FOLDER")

    def handle(self, *, what: str, data: Path | None, **_: Any) -> None:
        if data is None or not all((data / name).is_file() for name in _DOCUMENTS):
            raise CommandError("Name the folder of the development data with --data or DMSEARCH_DEV_DATA.")
        lines = self._duplicates(data) if what == "duplicates" else self._metadata(data)
        for line in lines:
            self.stdout.write(line)

    def _duplicates(self, data: Path) -> Iterator[str]:
        texts = {key: str(row["text"]) for key, row in _rows(data, _TWEETS).items()}
        with _PAIRS.open(encoding="utf-8", newline="") as file:
            pairs = list(csv.DictReader(file, delimiter="\t"))
        for name in sorted({pair["set"] for pair in pairs}):
            labelled = {(pair["one"], pair["other"]): pair["same"] == "1" for pair in pairs if pair["set"] == name}
            yield _line(f"pairs, {name}", in_pairs(labelled, texts))
        everything = {(pair["one"], pair["other"]): pair["same"] == "1" for pair in pairs}
        began = time.perf_counter()
        score = in_groups(everything, texts)
        took = time.perf_counter() - began
        yield _line(f"groups of {len(texts):,} texts", score)
        yield f"{took / len(texts) * 1000:.2f} ms a text, the database left out"

    def _metadata(self, data: Path) -> Iterator[str]:
        rows = _rows(data, _DOCUMENTS)
        labelled = [json.loads(line) for line in _FACTS.read_text("utf-8").splitlines()]
        gazetteer()  # a worker loads it once
        began = time.perf_counter()
        scores = measuring.measure(labelled, rows)
        took = time.perf_counter() - began
        for name, score in scores.items():
            yield _line(name, score)
        yield f"{took / len(labelled) * 1000:.2f} ms a document"


def _rows(data: Path, names: tuple[str, ...]) -> Mapping[str, Mapping[str, Any]]:
    found = {}
    for name in names:
        with (data / name).open(encoding="utf-8") as file:
            found.update({row["_id"]: row for row in map(json.loads, file)})
    return found


def _line(name: str, score: Score) -> str:
    return (
        f"{name:32} precision {score.precision:.3f}  recall {score.recall:.3f}  "
        f"({score.right} right, {score.wrong} wrong, {score.missed} missed)"
    )
