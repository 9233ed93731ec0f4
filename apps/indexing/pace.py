"""How far an index is, how fast it goes on, who works on it and how long that will take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Max, Min, Sum
from django.utils import timezone

from apps.indexing import services
from apps.indexing.models import EmbeddingBatch, VectorIndex

# Long enough for several batches of a slow model, short enough to notice that a worker came or went.
WINDOW = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    stored: int
    owed: int
    set_aside: int
    passages_per_s: float  #: of all workers together, over the last minutes; 0 when nothing was stored
    workers: int  #: that hold a batch or ended one within the last minutes

    @property
    def total(self) -> int:
        return self.stored + self.owed + self.set_aside

    @property
    def percent(self) -> int:
        """Return how much is done, in whole percent; 100 only when nothing is owed."""
        return 100 if not self.owed else min(99, 100 * (self.stored + self.set_aside) // self.total)

    @property
    def left(self) -> timedelta | None:
        if not self.owed or not self.passages_per_s:
            return None
        return timedelta(seconds=self.owed / self.passages_per_s)


def pace(index: VectorIndex) -> Pace:
    progress = services.progress(index)
    recent = index.batches.filter(finished_at__gt=timezone.now() - WINDOW, stored__gt=0)
    seen = recent.aggregate(stored=Sum("stored"), first=Min("started_at"), last=Max("finished_at"))
    seconds = (seen["last"] - seen["first"]).total_seconds() if seen["stored"] else 0.0
    busy = index.batches.in_hand() | index.batches.filter(finished_at__gt=timezone.now() - WINDOW)
    workers = busy.exclude(state=EmbeddingBatch.State.LOST).aggregate(n=Count("worker", distinct=True))["n"]
    return Pace(
        stored=progress.stored,
        owed=progress.owed,
        set_aside=progress.set_aside,
        passages_per_s=seen["stored"] / seconds if seconds else 0.0,
        workers=workers,
    )
