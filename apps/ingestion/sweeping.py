"""What nothing needs any more: deleted corpora, and files whose corpus is gone or whose upload never ended."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.corpora.models import Corpus, Document, StoredFile
from apps.ingestion.models import JobItem

# An upload on its way has its file before it has its item.
KEPT = timedelta(hours=1)
_AT_ONCE = 200
# One call's share of a large corpus: the other work of the queue must not wait long.
SECONDS = 10.0


def take_deleted_corpora_apart(*, seconds: float = SECONDS) -> int:
    """Delete documents of deleted corpora, then the corpora, for at most `seconds`; return how many documents."""
    until = time.monotonic() + seconds
    count = 0
    for corpus in Corpus.with_deleted.filter(deleted_at__isnull=False):
        while documents := list(corpus.documents.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
            if time.monotonic() > until:
                return count
            corpus.documents.filter(pk__in=documents).delete()
            count += len(documents)
        corpus.delete()
    return count


def forget_unused_files() -> int:
    """Delete files that no document and no item of a job needs; return how many."""
    needed = Exists(Document.objects.filter(source=OuterRef("pk"))) | Exists(
        JobItem.objects.filter(source=OuterRef("pk"))
    )
    unused = StoredFile.objects.filter(~needed, created_at__lt=timezone.now() - KEPT)
    with transaction.atomic():
        locked = list(unused.select_for_update(skip_locked=True).values_list("pk", flat=True)[:_AT_ONCE])
        # Looked at again, now that nobody can come to need them: one may have been brought again just before.
        found = list(unused.filter(pk__in=locked))
        for stored in found:
            # The bytes first, while the row is locked: whoever brings them again now stores them anew.
            stored.file.delete(save=False)
            stored.delete()
    return len(found)
