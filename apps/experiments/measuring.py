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
from apps.retrievers.naming import named_retriever
from apps.search.benchmark.serving import servers


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is measured: which model, by its card's name or its folder, and which arms of the search."""

    model: str
    retrieval: str

    @classmethod
    def named(cls, model: str, *, retrieval: str) -> Self:
        """Name what is measured; raises UnknownRetriever or ValueError for a `model` that there is not."""
        named_retriever(model)
        return cls(model=model or indexing.chosen_card().name, retrieval=retrieval)


def measure_exactly(subject: Subject, collection: Collection, *, run_file: Path | None) -> dict[str, Any]:
    """Compare every passage with every query, outside the database."""
    options = ["--retrieval", subject.retrieval, "--model", subject.model]
    if run_file:
        options += ["--run-file", str(run_file.resolve())]
    return evaluator.evaluate(collection, *options)


def measure_product(
    subject: Subject, collection: Collection, *, run_file: Path | None, keep: bool, say: pipeline.Say
) -> dict[str, Any]:
    """Ingest, index and search as the product does, in a database of its own."""
    with tempfile.TemporaryDirectory() as name:
        run = run_file.resolve() if run_file else Path(name) / "product.run"
        folder = evaluator.export(collection, Path(name))
        started = time.monotonic()
        with _serving(subject.model), evaluation_database(keep=keep):
            system = search_everything(subject, folder, run=run, say=say)
        return evaluator.score(collection, run, system=system, took_s=time.monotonic() - started)


def search_everything(subject: Subject, folder: Path, *, run: Path, say: pipeline.Say) -> dict[str, str]:
    """Write the product's rankings for a BEIR folder to `run`; return what made them."""
    pipeline.serve_no_index()
    corpus = pipeline.ingest(folder, kind=SET_KINDS.get(folder.name, "report"), say=say)
    questions = pipeline.read_questions(folder)
    searched = {"retrieval": subject.retrieval, "search": "index"}
    if subject.retrieval == "lexical":
        system = {"model": "PostgreSQL BM25", **searched}
    else:
        embedder = Embedder(model=subject.model)
        index = pipeline.serve_index(corpus, embedder, say=say)
        pipeline.teach_queries(questions, index, embedder)
        card = index.card
        system = {
            "model": Path(subject.model).name if Path(subject.model).is_dir() else card.name,
            "card": card.name,
            "revision": index.revision,
            "instructions": "on" if card.knows_intents else "off",
            "documents": "split",
            **searched,
        }
    rankings = pipeline.rank(questions, corpus, retrieval=subject.retrieval, say=say)
    pipeline.write_run(run, rankings, tag="dmsearch")
    return system


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
