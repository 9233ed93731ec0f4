"""The evaluator as a child process: metrics and models live with the workers, never in the web's processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from django.conf import settings

Workload = Literal["passages", "queries"]


class EvaluationFailed(Exception):
    """The evaluator stopped; what was wrong it has said on standard error."""


def folder() -> Path:
    """Return where results and embeddings are kept."""
    kept: Path = settings.STATE_DIR / "evaluation"
    return kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """A test collection as a person names it."""

    folder: Path
    format: str = "beir"
    intent: str = ""  #: of queries that name none

    def arguments(self) -> list[str]:
        intent = ["--intent", self.intent] if self.intent else []
        return [str(self.folder.resolve()), "--format", self.format, *intent]


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedder:
    """Encodes texts with the model called `model`: a card's name or a checkpoint's folder."""

    model: str

    def embed(self, texts: Sequence[str], *, workload: Workload) -> np.ndarray:
        """Return one unit-length row a text, float32 (len(texts), dim), showing progress on standard error."""
        with tempfile.TemporaryDirectory() as name:
            source, target = Path(name) / "texts.jsonl", Path(name) / "vectors.npy"
            source.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
            engine = ["--model", self.model, "--device", settings.ENCODER_DEVICE, "--backend", settings.ENCODER_BACKEND]
            _run(
                "workers.evaluation.vectors",
                str(source),
                str(target),
                "--workload",
                workload,
                *engine,
                *_kept(),
            )
            vectors: np.ndarray = np.load(target)
            return vectors


def evaluate(collection: Collection, *options: str) -> dict[str, Any]:
    """Let the evaluator measure, and return its report."""
    report: dict[str, Any] = json.loads(
        _run("workers.evaluation", *collection.arguments(), *options, "--json", *_kept())
    )
    return report


def score(collection: Collection, run: Path, *, system: Mapping[str, str], took_s: float) -> dict[str, Any]:
    """Score the TREC run that `system` made, and return the report."""
    made_by = ["--system", json.dumps(dict(system)), "--took", f"{took_s:.1f}"]
    return evaluate(collection, "--score-run", str(run), *made_by)


def export(collection: Collection, target: Path) -> Path:
    """Write the collection as a BEIR folder under `target`, whatever its format; return that folder."""
    return Path(_run("workers.evaluation", *collection.arguments(), "--export", str(target)).strip())


def results(source: Path | None = None) -> list[dict[str, Any]]:
    """Return what was measured into `source`, oldest first; by default all that this machine kept."""
    kept = source or folder() / "results"
    found: list[dict[str, Any]] = json.loads(_run("workers.evaluation.report", str(kept.resolve()), "--runs"))
    return found


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Compare two systems' queries (`Run.queries`): rows by intent, and the queries that changed most."""
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name) / "ours.json", Path(name) / "theirs.json"]
        for path, queries in zip(files, (ours, theirs), strict=True):
            path.write_text(json.dumps({"queries": queries}), encoding="utf-8")
        found: dict[str, Any] = json.loads(_run("workers.evaluation.comparing", *map(str, files), "--json"))
        return found


def _kept() -> list[str]:
    return ["--folder", str(folder())]


def _run(module: str, *arguments: str) -> str:
    environment = dict(os.environ)
    if settings.RETRIEVER_FOLDER:
        environment["RETRIEVER_FOLDER"] = str(settings.RETRIEVER_FOLDER)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise EvaluationFailed("The evaluation stopped; the reason is above.")
    return done.stdout
