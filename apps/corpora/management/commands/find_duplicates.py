"""manage.py find_duplicates: put documents that came before copies were looked for into their groups."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand

from apps.corpora.duplicates.grouping import compare
from apps.corpora.models import Document

_AT_ONCE = 200
_TELL_EVERY_S = 5.0


class Command(BaseCommand):
    help = "Group documents that say the same; stopped, it goes on where it was."

    def handle(self, **_: Any) -> None:
        wanted = Document.objects.filter(signature=None).order_by("pk").values_list("pk", flat=True)
        total, done, last = wanted.count(), 0, 0
        began = told_at = time.monotonic()
        while batch := list(wanted.filter(pk__gt=last)[:_AT_ONCE]):
            compare(batch)
            done, last = done + len(batch), batch[-1]
            if time.monotonic() - told_at > _TELL_EVERY_S:
                told_at = time.monotonic()
                self.stdout.write(f"{done:,} of {total:,} documents, {done / (told_at - began):,.0f} a second")
                self.stdout.flush()
        grouped = Document.objects.filter(duplicates__isnull=False).count()
        self.stdout.write(f"{done:,} documents compared; {grouped:,} of all documents are in a group.")
