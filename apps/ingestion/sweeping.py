"""Files that nothing needs any more: their corpus was deleted, or their upload never came to its end."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.corpora.models import Document, StoredFile
from apps.ingestion.models import JobItem

# An upload on its way has its file before it has its item.
KEPT = timedelta(hours=1)
_AT_ONCE = 200


def forget_unused_files() -> int:
    """Delete files that no document and no item of a job needs; return how many."""
    needed = Exists(Document.objects.filter(source=OuterRef("pk"))) | Exists(
        JobItem.objects.filter(source=OuterRef("pk"))
    )
    unused = StoredFile.objects.filter(~needed, created_at__lt=timezone.now() - KEPT)
    with transaction.atomic():
        found = list(unused.select_for_update(skip_locked=True)[:_AT_ONCE])
        for stored in found:
            # The bytes first, while the row is locked: whoever brings them again now stores them anew.
            stored.file.delete(save=False)
            stored.delete()
    return len(found)
