"""manage.py find_metadata: hazard, place, event, language and source for documents that lack today's findings."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.corpora.finding_again import find_again, not_looked_at
from apps.corpora.models import Corpus, Document

_TELL_EVERY_S = 5.0


class Command(BaseCommand):
    help = "Find hazard, place, event, language and source of documents; what people corrected stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--corpus", metavar="SLUG", help="of this corpus only")
        parser.add_argument("--all", action="store_true", help="also of documents that were looked at before")

    def handle(self, *, corpus: str | None, all: bool, **_: Any) -> None:
        documents = Document.objects.all() if all else not_looked_at()
        if corpus:
            found = Corpus.objects.filter(slug=corpus).first()
            if found is None:
                known = ", ".join(Corpus.objects.values_list("slug", flat=True)) or "none yet"
                raise CommandError(f"There is no corpus {corpus!r} (there are: {known}).")
            documents = documents.filter(corpus=found)
        total = documents.count()
        done, told_at, began = 0, time.monotonic(), time.monotonic()
        for count in find_again(documents):
            done += count
            if time.monotonic() - told_at > _TELL_EVERY_S:
                told_at = time.monotonic()
                self.stdout.write(f"{done:,} of {total:,} documents, {done / (told_at - began):,.0f} a second")
                self.stdout.flush()
        self.stdout.write(f"{done:,} documents looked at.")
