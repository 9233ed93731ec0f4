"""A run as a process of its own: the corpus written out, the trainer started, heard of, stopped, its model taken."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from apps.corpora.models import DocumentText
from apps.experiments import refined
from apps.experiments.runs import Adaptation
from apps.retrievers.intents import Intent
from apps.retrievers.own import models_folder
from dmsearch.embedded.lifetime import ends_with_parent

_LOOK_S = 2.0
_NOT_BETTER = 4  #: what workers.training says of a model that is not better
_TAIL_BYTES = 20_000
_AT_ONCE = 200


def carry_out(run: Adaptation) -> None:
    """Do a run that was claimed, and write down what came of it; what nobody expected is written down and raised."""
    try:
        _carry_out(run)
    except DatabaseError:
        raise  # it is sent back, and goes on when the database is there
    except Exception as failure:
        run.end(Adaptation.State.FAILED, f"An unexpected error stopped it: {failure}. Retry goes on where it was.")
        raise


def _carry_out(run: Adaptation) -> None:
    folder = run.folder
    folder.mkdir(parents=True, exist_ok=True)
    material = _write_material(run, folder)
    with (folder / "log").open("ab") as log:
        status = _watch(run, _start(run, material, log=log))
    if status is None:
        run.refresh_from_db()
        if run.is_cancelling:  # else it was sent back while we were not heard of: another process goes on
            run.end(Adaptation.State.CANCELLED, "Cancelled. Retry goes on where it was.")
    elif status == 0 and run.only_data:
        count = refined.count_examples(run.out)
        run.end(Adaptation.State.DATA, f"{count:,} examples with hard negatives. Nothing was trained yet.")
    elif status == 0:
        _take(run)
    elif status == _NOT_BETTER:
        report = _report(run)
        run.end(Adaptation.State.REFUSED, report["reason"], report=report)
    else:
        run.end(Adaptation.State.FAILED, _last_words(folder))


def progress(run: Adaptation) -> dict[str, Any]:
    """Return what the part that is at work says: stage, done, total, left_s; empty before it says anything."""
    found = sorted(run.folder.rglob("progress.json"), key=lambda path: path.stat().st_mtime)
    told: dict[str, Any] = json.loads(found[-1].read_text(encoding="utf-8")) if found else {}
    return told


def log_tail(run: Adaptation, *, lines: int = 20) -> list[str]:
    path = run.folder / "log"
    if not path.is_file():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        text = file.read().decode("utf-8", errors="replace")
    return [line for line in text.splitlines() if line.strip()][-lines:]


def curve(run: Adaptation) -> str:
    """Return the picture of the training, or nothing before there is one."""
    path = run.out / "train" / "curve.svg"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _write_material(run: Adaptation, folder: Path) -> list[str]:
    """Write the corpus and the judgments once: a run that goes on learns from what it began with."""
    documents, judged = folder / "documents.jsonl", folder / "judged"
    if not documents.exists():
        shutil.rmtree(judged, ignore_errors=True)  # the documents come last: what is there already was cut off
        part = documents.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in _documents(run))
        if run.with_judgments:
            _write_judgments(run, judged)
        part.replace(documents)
    return [str(documents), *(["--judged", str(judged)] if judged.exists() else [])]


def _documents(run: Adaptation) -> Iterator[dict[str, Any]]:
    texts = DocumentText.objects.filter(document__corpus=run.corpus).select_related("document").order_by("pk")
    for number, text in enumerate(texts.iterator(chunk_size=_AT_ONCE)):
        if number % _AT_ONCE == 0:
            run.hear()  # a large corpus takes minutes
        document = text.document
        yield {"_id": str(document.pk), "title": document.title, "text": text.text, "headings": text.headings}


def _write_judgments(run: Adaptation, folder: Path) -> None:
    """Export what people judged in the corpus, among the passages that they judged."""
    try:
        call_command("export_judgments", folder, passages="judged", corpus=run.corpus.slug, verbosity=0)
    except CommandError as none:
        if "No judgment" not in str(none):
            raise


def _start(run: Adaptation, material: list[str], *, log: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "workers.training", "adapt", *material]
    options = ["--model", run.model, "--name", run.name, "--out", str(run.out), *_writing(run)]
    if run.only_data:
        options.append("--only-data")
    environment = {**os.environ, "DMSEARCH_HOME": str(settings.STATE_DIR)}
    environment["PYTHONUNBUFFERED"] = "1"  # what it writes stands in the log in the order in which it was said
    if settings.RETRIEVER_FOLDER:
        environment["RETRIEVER_FOLDER"] = str(settings.RETRIEVER_FOLDER)
    return subprocess.Popen(
        [*command, *options],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # it is stopped with all that it started
        preexec_fn=ends_with_parent(signal.SIGKILL),  # left behind, it would keep its folder from who takes the run up
    )


def _writing(run: Adaptation) -> list[str]:
    """Return what the trainer is told of the language model; nothing where none is asked."""
    if not run.passages_asked:
        return []
    asked = ["--endpoint", settings.LLM_ENDPOINT, "--writer", settings.LLM_MODEL]
    asked += ["--synthesize", str(run.passages_asked), "--intents", *(run.intents or Intent)]
    if run.token_budget:
        asked += ["--budget-tokens", str(run.token_budget)]
    return [*asked, *(["--judges", *run.judges] if run.judges else [])]


def _watch(run: Adaptation, process: subprocess.Popen[bytes]) -> int | None:
    """Return its exit status, or None where it was cancelled. However we end, it does not stay behind."""
    try:
        while (status := process.poll()) is None:
            if not run.hear():
                return None
            time.sleep(_LOOK_S)
        return status
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its folder is always fit to go on from
            process.wait()


def _take(run: Adaptation) -> None:
    """Put the model among those that indexes can be made for."""
    report = _report(run)
    target = models_folder() / run.name
    part = target.with_name(f".{run.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(report["model"], part, copy_function=partial(_copy, run))
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)
    run.end(Adaptation.State.DONE, report["reason"], report=report)


def _copy(run: Adaptation, source: str, target: str) -> str:
    run.hear()  # a large model takes minutes
    return shutil.copy2(source, target)


def _report(run: Adaptation) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((run.out / "report.json").read_text(encoding="utf-8"))
    return report


def _last_words(folder: Path) -> str:
    path = folder / "log"
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1][:500] if lines else "The trainer ended without a word."
