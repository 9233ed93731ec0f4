"""bench embed: passages a second through whole embed workers (read, encode, COPY), against the encoder alone."""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Max, Min

from apps.corpora.models import Passage
from apps.indexing import jobs, services
from apps.indexing.models import EmbeddingBatch, PassageVector, VectorIndex
from apps.retrievers.encoder_process import encoder_command
from apps.search.benchmark import material, measuring, serving
from apps.search.benchmark.options import Say, whole_numbers


@dataclass(frozen=True, slots=True)
class Figures:
    """One way of embedding the same passages. workers: 0 is the encoder alone, once before and once after."""

    workers: int
    passages: int
    passages_per_s: float
    of_encoder_alone: float
    embedded_twice: int


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--passages", type=int, default=2_000)
    parser.add_argument("--workers", type=whole_numbers, default="1,2", help="how many at a time")


def measure(*, passages: int, workers: Sequence[int], say: Say, **_: Any) -> Iterator[Figures]:
    with serving.servers(), serving.throw_away_database(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index = services.ensure_index()
        texts = _fill(passages)
        say(f"{index.retriever}: encoding {passages:,} passages alone, in {workers} workers, and alone again")
        before = _alone(texts, folder)
        rates = [(count, *_with_workers(count, index, folder)) for count in workers]
        alone = (before + _alone(texts, folder)) / 2
    yield Figures(0, passages, round(alone, 1), 1.0, 0)
    for count, rate, twice in rates:
        yield Figures(count, passages, round(rate, 1), round(rate / alone, 3), twice)


def table(figures: Sequence[Figures]) -> Iterator[str]:
    yield f"{measuring.machine()}; from the first batch taken to the last one stored"
    yield ""
    yield "| workers | passages | passages/s | of the encoder alone | embedded twice |"
    yield "|---|---|---|---|---|"
    for row in figures:
        who = row.workers or "encoder alone"
        yield f"| {who} | {row.passages:,} | {row.passages_per_s} | {row.of_encoder_alone:.2f} | {row.embedded_twice} |"


def _fill(count: int) -> list[str]:
    """Make passages about as long as the model reads; each is owed a vector. Return their texts."""
    choose = random.Random(0)  # noqa: S311 - the same passages each time are the point
    sentences = material.exercise_sentences()
    texts = [" ".join(choose.choices(sentences, k=choose.randint(6, 12))) for _ in range(count)]
    material.write_passages(texts)
    return texts


def _alone(texts: Sequence[str], folder: Path) -> float:
    """Return the passages a second of the encoder by itself, in a process as nice as an embed worker."""
    file = folder / "texts.jsonl"
    file.write_text("".join(f"{json.dumps(text)}\n" for text in texts), encoding="utf-8")
    retriever = services.chosen_card().name
    command = encoder_command("rate", retriever, str(file), "--backend", settings.ENCODER_BACKEND)
    done = subprocess.run(
        ["nice", "-n", "10", *command], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise serving.ServerFailed(f"The encoder failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["passages_per_s"])


def _with_workers(count: int, index: VectorIndex, folder: Path) -> tuple[float, int]:
    """Return passages a second of so many workers together, and how many passages were embedded more than once."""
    _owe_all(index)
    with ExitStack() as stack:
        for number in range(count):
            stack.enter_context(serving.embed_worker(folder, number=number))
            jobs.request_embedding(index_id=index.pk)
        while services.progress(index).owed:
            time.sleep(2)
        finished = EmbeddingBatch.objects.filter(index=index, finished_at__isnull=False)
    span = finished.aggregate(first=Min("started_at"), last=Max("finished_at"))
    done = sum(finished.values_list("passages", flat=True))
    stored = PassageVector.objects.filter(index=index).count()
    return stored / (span["last"] - span["first"]).total_seconds(), done - stored


def _owe_all(index: VectorIndex) -> None:
    """Forget every vector, so that each is owed again."""
    EmbeddingBatch.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM indexing_passagevector WHERE index_id = %s", [index.pk])
        cursor.execute(
            "INSERT INTO indexing_pendingvector (index_id, passage_id, attempts, reason) "
            "SELECT %s, id, 0, '' FROM corpora_passage ON CONFLICT DO NOTHING",
            [index.pk],
        )
    if services.progress(index).owed != Passage.objects.count():
        raise serving.ServerFailed("Not every passage is owed a vector: nothing was measured.")
