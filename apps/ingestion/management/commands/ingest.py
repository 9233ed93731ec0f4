"""manage.py ingest PATH… --corpus SLUG: bring files and folders of this machine into a corpus."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError

from apps.corpora import extraction
from apps.corpora.extraction import ExtractionFailed
from apps.corpora.extraction.formats import TABLES, format_of
from apps.corpora.models import Corpus, Kind
from apps.ingestion import attendance, reading, services, telling
from apps.ingestion.attendance import Missing
from apps.ingestion.folders import files_under
from apps.ingestion.models import Job
from apps.ingestion.progress import Progress, progress
from apps.ingestion.telling import Teller

_LOOK_EVERY_S = 0.5
# How long nothing may move before the workers are asked whether they are there.
_PATIENCE_S = 5.0
_REMIND_EVERY_S = 30.0
_COLUMNS = ("text", "title", "date", "author", "id")


class Command(BaseCommand):
    help = "Bring files, folders and zips into a corpus."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files and folders")
        parser.add_argument("--corpus", required=True, metavar="SLUG")
        parser.add_argument(
            "--kind", choices=Kind.values, default="", help="what they are; the corpus's kind by default"
        )
        parser.add_argument("--create", action="store_true", help="make the corpus where it is not there")
        parser.add_argument("--private", action="store_true", help="with --create: only members find it")
        parser.add_argument("--wait", action="store_true", help="until all is read and embedded")
        parser.add_argument("--here", action="store_true", help="read the files in this process, without a worker")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
        for column in _COLUMNS:
            parser.add_argument(f"--{column}-column", metavar="NAME", help=f"of tables: the column with the {column}")

    def handle(self, *, paths: list[Path], **options: Any) -> None:
        if missing := [str(path) for path in paths if not path.exists()]:
            raise CommandError(f"No such file or folder: {', '.join(missing)}")
        began = time.monotonic()
        job = services.open_job(self._corpus(options))
        columns = {column: name for column in _COLUMNS if (name := options[f"{column}_column"])}
        with Teller(sys.stderr).open() as teller:
            self._take_in(job, paths, options=options, columns=columns, teller=teller)
            if options["here"]:
                _read_here(job, teller)
            if options["wait"]:
                _wait_unless_told_to_stop(job, teller)
        outcome = telling.summary(job, seconds=time.monotonic() - began)
        self.stdout.write(json.dumps(outcome) if options["json"] else self._words(job, outcome))
        if outcome["failed"]:
            raise SystemExit(1)

    def _corpus(self, options: dict[str, Any]) -> Corpus:
        slug = options["corpus"]
        found = Corpus.objects.filter(slug=slug).first()
        if found is None and not options["create"]:
            known = ", ".join(Corpus.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no corpus {slug!r} (there are: {known}). Add --create to make it.")
        if found is None:
            found = Corpus(
                slug=slug,
                name=slug.replace("-", " ").capitalize(),
                kind=options["kind"] or Kind.REPORT,
                private=options["private"],
            )
            found.full_clean()
            found.save()
        return found

    def _take_in(
        self, job: Job, paths: list[Path], *, options: dict[str, Any], columns: dict[str, str], teller: Teller
    ) -> None:
        take = services.add if options["here"] else services.accept
        count = 0
        for count, (path, name) in enumerate(files_under(paths), start=1):
            mapping = _mapping(path, name, columns) if columns else None
            with path.open("rb") as content:
                take(job, File(content), name=name, kind=options["kind"], mapping=mapping)
            teller.tell(f"{count:,} files taken in")
        if not count:
            job.delete()
            raise CommandError("There is no file in it.")

    def _words(self, job: Job, outcome: dict[str, Any]) -> str:
        if progress(job).is_reading:
            return (
                f"{outcome['files']:,} files wait to be read. Follow them at {job.get_absolute_url()}, "
                "or give --wait next time."
            )
        return telling.in_words(outcome)


def _mapping(path: Path, name: str, columns: dict[str, str]) -> dict[str, Any] | None:
    """Return the guessed columns of a table with those named by the caller in their place."""
    try:
        if format_of(path, name=name) not in TABLES:
            return None
        guess = extraction.guess_mapping(path.resolve(), name=name)
    except ExtractionFailed:
        return None  # the reading will say so, on the item
    if guess is None:
        return None
    text = {"text": [columns["text"]]} if "text" in columns else {}
    return {**guess.to_dict(), **columns, **text}


def _read_here(job: Job, teller: Teller) -> None:
    # Anew after each: a zip adds its files, and workers may take some meanwhile.
    while item := job.items.waiting().first():
        reading.ingest(item.pk)
        teller.tell(telling.line(progress(job)))


def _wait_unless_told_to_stop(job: Job, teller: Teller) -> None:
    try:
        _wait(job, teller)
    except KeyboardInterrupt:
        teller.say(f"Not waiting any more; the workers go on. Follow them at {job.get_absolute_url()}.")


def _wait(job: Job, teller: Teller) -> None:
    """Follow the job to its end; when nothing moves, say whether anybody works on it."""
    seen, moved_at = progress(job), time.monotonic()
    reminded_at = float("-inf")
    while seen.is_running:
        teller.tell(telling.line(seen))
        time.sleep(_LOOK_EVERY_S)
        before, seen = seen, progress(job)
        now = time.monotonic()
        if _moved(before, seen):
            moved_at = now
        elif now - moved_at > _PATIENCE_S and now - reminded_at > _REMIND_EVERY_S:
            reminded_at = now
            if notice := _why_nothing_moves(seen):
                teller.say(notice)


def _moved(before: Progress, after: Progress) -> bool:
    return (before.ended, before.passages, before.owed) != (after.ended, after.passages, after.owed)


def _why_nothing_moves(seen: Progress) -> str:
    missing = attendance.missing(seen)
    if missing is Missing.NOBODY:
        return ""
    if missing is Missing.BROKER:
        return "The message broker does not answer. The files are safe; start it with `manage.py services up`."
    if missing is Missing.INDEX:
        return "There is no index for the vectors to go to. Make one with `manage.py ensure_index`."
    here = " Or read them in this process: add --here." if missing is Missing.READER else ""
    return (
        f"Nothing is listening on the queue {missing.value!r}: the files are safe, but nobody works on them. Start the "
        f"workers with `make run`, or one with `celery -A workers.app worker -Q {missing.value}`.{here}"
    )
