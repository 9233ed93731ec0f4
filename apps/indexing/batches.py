"""The story of each batch that an embed worker took: when, which start of its passages, how it ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.indexing.models import EmbeddingBatch, PendingVector, VectorIndex
from dmsearch.repeating import Repeating

log = logging.getLogger(__name__)

# Longer than anybody looks back; 1,000,000 passages are 4,000 batches.
KEPT = timedelta(days=7)


def begin(index: VectorIndex, *, worker: str, attempt: int, passages: int) -> EmbeddingBatch:
    return EmbeddingBatch.objects.create(index=index, worker=worker[:120], attempt=attempt, passages=passages)


def end(batch: EmbeddingBatch, *, stored: int, reasons: Sequence[str], outage: str = "") -> None:
    """Note how a batch ended. reasons: why each of the passages that were set aside was; outage: why it was given back."""
    why = [*reasons, outage] if outage else reasons
    state = EmbeddingBatch.State.FAILED if why else EmbeddingBatch.State.DONE
    EmbeddingBatch.objects.filter(pk=batch.pk).update(
        state=state,
        stored=stored,
        set_aside=len(reasons),
        reason="; ".join(dict.fromkeys(why))[:2000],
        finished_at=timezone.now(),
    )


def mark_lost() -> int:
    """Give up batches whose worker has been silent; their passages are free for others by then."""
    silent = EmbeddingBatch.objects.in_hand().filter(alive_at__lt=Now() - timedelta(seconds=settings.EMBED_LEASE_S))
    lost = silent.update(
        state=EmbeddingBatch.State.LOST,
        finished_at=timezone.now(),
        reason="its worker stopped or was cut off; the passages went to another",
    )
    if lost:
        log.warning("%s batches of embeddings were lost with their workers", lost)
    return lost


def forget_old() -> int:
    """Delete the stories that nobody looks at any more."""
    return EmbeddingBatch.objects.filter(started_at__lt=timezone.now() - KEPT).delete()[0]


def kept_lease(batch: EmbeddingBatch, passage_ids: Sequence[int]) -> Repeating:
    """Keep the lease of a batch while a block of code works on it, however long that takes."""
    renew = partial(renew_lease, batch, list(passage_ids))
    return Repeating(renew, every=settings.EMBED_LEASE_S / 3, name=f"lease of batch {batch.pk}")


def renew_lease(batch: EmbeddingBatch, passage_ids: Sequence[int]) -> None:
    """Give whoever holds the batch the whole time of a lease again."""
    until = Now() + timedelta(seconds=settings.EMBED_LEASE_S)
    with transaction.atomic():
        EmbeddingBatch.objects.in_hand().filter(pk=batch.pk).update(alive_at=Now())
        owed = PendingVector.objects.filter(index=batch.index_id, passage_id__in=passage_ids)
        # Without waiting: the worker itself strikes them off the list at this moment, or has done so.
        held = owed.select_for_update(skip_locked=True).filter(leased_until__isnull=False)
        PendingVector.objects.filter(pk__in=list(held.values_list("pk", flat=True))).update(leased_until=until)
