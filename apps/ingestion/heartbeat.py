"""A worker's sign of life while it reads one file, however long the file takes."""

from django.conf import settings

from apps.ingestion.models import ItemLost, JobItem
from dmsearch.repeating import Over, Repeating

BEAT_S = settings.READ_LEASE_S / 6


def heartbeat(item: JobItem, *, every: float = BEAT_S) -> Repeating:
    """Renew the item's `alive_at` while a block of code reads it."""

    def beat() -> None:
        try:
            item.mark_alive()
        except ItemLost as lost:
            raise Over from lost  # the reading itself finds out at its next write

    return Repeating(beat, every=every, name=f"heartbeat of item {item.pk}")
