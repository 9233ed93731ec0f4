"""The exercise that comes with the product: a fictional emergency to try every search on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from django.core.files import File
from django.db import models

from apps.corpora.models import Corpus, Document, Kind
from apps.ingestion import reading, services
from apps.ingestion.models import Job, JobItem

FOLDER = Path(__file__).resolve().parents[1] / "corpora" / "exercise"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """One corpus of the exercise, and where its files lie."""

    slug: str
    name: str
    kind: Kind
    files: str

    def documents(self, corpus: Corpus) -> models.QuerySet[Document]:
        """Return what came from the exercise: people may have added files of their own, called whatever they like."""
        brought = JobItem.objects.filter(job__corpus=corpus, job__created_by=None).values("source")
        return corpus.documents.filter(source__in=brought, file_name__startswith=self.files.partition("*")[0])


SHELVES = (
    Shelf(
        slug="exercise-reports",
        name="Exercise: situation reports",
        kind=Kind.REPORT,
        files="situation-reports/*.md",
    ),
    Shelf(slug="exercise-guidance", name="Exercise: guidance notes", kind=Kind.GUIDANCE, files="guidance/*.md"),
    Shelf(slug="exercise-tweets", name="Exercise: tweets", kind=Kind.TWEET, files="tweets.jsonl"),
    Shelf(slug="exercise-claims", name="Exercise: claims", kind=Kind.CLAIM, files="claims.jsonl"),
    Shelf(slug="exercise-statements", name="Exercise: statements", kind=Kind.OTHER, files="statements.jsonl"),
)


def was_removed(shelf: Shelf) -> bool:
    """Say whether an organisation works here that has no use for this shelf: corpora of its own, and this one gone."""
    of_exercise = [each.slug for each in SHELVES]
    others = Corpus.objects.exclude(slug__in=of_exercise).exists()
    return others and not Corpus.objects.filter(slug=shelf.slug).exists()


def load(shelf: Shelf, *, folder: Path = FOLDER) -> Job | None:
    """Bring a shelf's corpus to what lies in `folder`; return the job, or None when nothing had changed."""
    files = {_sha256(path): path for path in sorted(folder.glob(shelf.files))}
    if not files:
        return None
    corpus, _ = Corpus.objects.get_or_create(
        slug=shelf.slug,
        defaults={
            "name": shelf.name,
            "kind": shelf.kind,
            "description": "Fictional: part of the exercise that comes with this program. Not for operational use.",
        },
    )
    shelf.documents(corpus).exclude(source__in=files).delete()  # of an earlier edition
    missing = set(files) - _loaded(corpus)
    if not missing:
        return None
    job = services.open_job(corpus)
    for digest, path in files.items():
        if digest in missing:
            with path.open("rb") as content:
                item = services.add(job, File(content), name=path.relative_to(folder).as_posix())
            reading.ingest(item.pk)
    return job


def _loaded(corpus: Corpus) -> set[str]:
    """Return the files that were read to their end and whose documents are still there."""
    done = JobItem.objects.filter(job__corpus=corpus, state=JobItem.State.DONE).values("source")
    return set(corpus.documents.filter(source__in=done).order_by().values_list("source", flat=True).distinct())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
