"""Measuring a system on a test collection: a model alone in the evaluator, or the product through its database."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from django.test.utils import override_settings

from apps.experiments import evaluation_process as evaluator
from apps.experiments import pipeline
from apps.experiments.database import evaluation_database
from apps.experiments.evaluation_process import Collection, Embedder
from apps.experiments.intents import SET_KINDS
from apps.indexing import services as indexing
from apps.indexing.models import VectorIndex
from apps.retrievers.naming import named_retriever
from apps.search.benchmark.serving import servers

RETRIEVALS = ("dense", "lexical", "hybrid")

System = dict[str, str]  # what made some rankings


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is measured: which model, by its card's name or its folder, and which of `RETRIEVALS`."""

    model: str
    retrievals: tuple[str, ...]

    @classmethod
    def named(cls, model: str, *, retrieval: str) -> Self:
        """Name what is measured; raises UnknownRetriever or ValueError for a `model` that there is not."""
        named_retriever(model)
        retrievals = RETRIEVALS if retrieval == "all" else (retrieval,)
        return cls(model=model or indexing.chosen_card().name, retrievals=retrievals)


def measure_exactly(subject: Subject, collection: Collection, *, run_file: Path | None) -> list[dict[str, Any]]:
    """Compare every passage with every query, outside the database."""
    options = ["--model", subject.model]
    if run_file:
        options += ["--run-file", str(run_file.resolve())]
    return [evaluator.evaluate(collection, "--retrieval", each, *options) for each in subject.retrievals]


def measure_product(
    subject: Subject, collection: Collection, *, run_file: Path | None, keep: bool, say: pipeline.Say
) -> list[dict[str, Any]]:
    """Ingest, index and search as the product does, in a database of its own; one walk, whatever is measured."""
    with tempfile.TemporaryDirectory() as name:
        run = run_file.resolve() if run_file else Path(name) / "product.run"
        folder = evaluator.export(collection, Path(name))
        started = time.monotonic()
        with _serving(subject.model), evaluation_database(keep=keep):
            found = search_everything(subject, folder, say=say)
        took_s = time.monotonic() - started
        reports = []
        for system, rankings in found:
            pipeline.write_run(run, rankings.items(), tag="dmsearch")
            reports.append(evaluator.score(collection, run, system=system, took_s=took_s))
        return reports


def search_everything(
    subject: Subject, folder: Path, *, say: pipeline.Say
) -> list[tuple[System, dict[str, pipeline.Ranking]]]:
    """Return for each retrieval what it is and its rankings of a BEIR folder, by query."""
    pipeline.serve_no_index()
    corpus = pipeline.ingest(folder, kind=SET_KINDS.get(folder.name, "report"), say=say)
    questions = pipeline.read_questions(folder)
    model: System = {}
    if set(subject.retrievals) != {"lexical"}:
        embedder = Embedder(model=subject.model)
        index = pipeline.serve_index(corpus, embedder, say=say)
        pipeline.teach_queries(questions, index, embedder)
        model = _described(subject.model, index)
    rankings = pipeline.rank(questions, corpus, retrievals=subject.retrievals, say=say)
    return [
        ({**(_WORDS if each == "lexical" else model), "retrieval": each, "search": "index"}, rankings[each])
        for each in subject.retrievals
    ]


_WORDS = {"model": "PostgreSQL BM25"}


def _described(model: str, index: VectorIndex) -> System:
    card = index.card
    return {
        "model": Path(model).name if Path(model).is_dir() else card.name,
        "card": card.name,
        "revision": index.revision,
        "instructions": "on" if card.knows_intents else "off",
        "documents": "split",
    }


@contextmanager
def _serving(model: str) -> Iterator[None]:
    """Make the product one that was set up with `model`, keeping files of its own; see that its servers run."""
    with tempfile.TemporaryDirectory() as media:
        card, folder = named_retriever(model)
        chosen: dict[str, Any] = {"MEDIA_ROOT": media, "RETRIEVER": card.name}
        if folder:
            chosen["RETRIEVER_FOLDER"] = folder
        # Not assignment: the file storage has read MEDIA_ROOT already and must hear of the change.
        with override_settings(**chosen), servers():
            yield
