"""manage.py load_exercise: load the fictional exercise into public corpora; run again, it changes nothing."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.ingestion import exercise
from apps.ingestion.progress import progress


class Command(BaseCommand):
    help = "Load the fictional exercise that comes with the program; quick when it is there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--unless-removed",
            action="store_true",
            help="not where there are other corpora and those of the exercise were deleted",
        )

    def handle(self, *, unless_removed: bool, **_: Any) -> None:
        failed = 0
        # Seen before anything is loaded: a corpus that somebody makes meanwhile is no reason to leave out the rest.
        for shelf in [each for each in exercise.SHELVES if not (unless_removed and exercise.was_removed(each))]:
            job = exercise.load(shelf)
            if job is None:
                self.stdout.write(f"{shelf.slug}: nothing new")
                continue
            seen = progress(job)
            failed += seen.failed
            self.stdout.write(f"{shelf.slug}: {seen.documents:,} documents, {seen.passages:,} passages")
            for name, reason in job.items.bad().values_list("name", "reason"):
                self.stderr.write(f"FAILED {name}: {reason}")
        if failed:
            raise SystemExit(1)
