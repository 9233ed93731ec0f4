"""How far a job is: one look at its items, one at what its passages still owe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.indexing.models import PendingVector, VectorIndex
from apps.ingestion.models import Job, JobItem

_State = JobItem.State


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    items: int
    waiting: int
    working: int
    done: int
    failed: int  #: the ones set aside among them
    cancelled: int
    bytes: int
    bytes_read: int
    documents: int
    passages: int
    duplicates: int
    bad_rows: int
    owed: int  #: passages whose vector is still to come
    owed_of: Mapping[str, int]  #: the same for each file, by its hash
    set_aside: int  #: passages that could not be embedded
    started_at: datetime | None
    finished_at: datetime | None  #: of the last item; None while any is open
    seen_at: datetime

    @property
    def is_reading(self) -> bool:
        return bool(self.waiting or self.working)

    @property
    def is_embedding(self) -> bool:
        return bool(self.owed)

    @property
    def is_running(self) -> bool:
        return self.is_reading or self.is_embedding

    @property
    def ended(self) -> int:
        return self.items - self.waiting - self.working

    @property
    def embedded(self) -> int:
        return max(0, self.passages - self.owed - self.set_aside)

    def embedded_of(self, item: JobItem) -> int:
        return max(0, item.passages - self.owed_of.get(item.source_id, 0))

    @property
    def seconds(self) -> float:
        """Return how long reading took, or has taken so far."""
        return self._until(self.finished_at)

    @property
    def passages_per_s(self) -> float:
        return self.passages / self.seconds if self.seconds else 0.0

    @property
    def embedded_per_s(self) -> float:
        seconds = self._until(None)
        return self.embedded / seconds if seconds else 0.0

    @property
    def reading_left(self) -> timedelta | None:
        """Return how long reading will go on at the pace so far; None while nothing can be said."""
        if not self.is_reading or not self.bytes_read or not self.seconds:
            return None
        return timedelta(seconds=(self.bytes - self.bytes_read) * self.seconds / self.bytes_read)

    @property
    def embedding_left(self) -> timedelta | None:
        if not self.owed or not self.embedded_per_s:
            return None
        return timedelta(seconds=self.owed / self.embedded_per_s)

    def _until(self, end: datetime | None) -> float:
        if self.started_at is None:
            return 0.0
        return max(0.0, ((end or self.seen_at) - self.started_at).total_seconds())


def progress(job: Job) -> Progress:
    ended = ~Q(state__in=JobItem.OPEN)
    counts = job.items.aggregate(
        items=Count("pk"),
        waiting=Count("pk", filter=Q(state=_State.WAITING)),
        working=Count("pk", filter=Q(state=_State.WORKING)),
        done=Count("pk", filter=Q(state=_State.DONE)),
        failed=Count("pk", filter=Q(state__in=JobItem.BAD)),
        cancelled=Count("pk", filter=Q(state=_State.CANCELLED)),
        bytes=Coalesce(Sum("source__size"), 0),
        bytes_read=Coalesce(Sum("source__size", filter=ended), 0),
        documents=Coalesce(Sum("documents"), 0),
        passages=Coalesce(Sum("passages"), 0),
        duplicates=Coalesce(Sum("duplicates"), 0),
        bad_rows=Coalesce(Sum("bad_row_count"), 0),
        started_at=Min("started_at"),
        finished_at=Max("finished_at"),
    )
    if counts["waiting"] or counts["working"]:
        counts["finished_at"] = None
    owed_of, set_aside = _owed(job) if counts["passages"] else ({}, 0)
    owed = min(counts["passages"], sum(owed_of.values()))
    return Progress(**counts, owed=owed, owed_of=owed_of, set_aside=set_aside, seen_at=timezone.now())


def _owed(job: Job) -> tuple[dict[str, int], int]:
    """Return how many passages of each of the job's files wait for their vector, and how many were set aside."""
    own = job.items.filter(passages__gt=0)
    if VectorIndex.objects.live() is None:
        return dict(own.values_list("source", "passages")), 0
    rows = (
        PendingVector.objects.filter(index__status=VectorIndex.Status.LIVE)
        .filter(passage__corpus=job.corpus_id, passage__document__source__in=own.values("source"))
        .values_list("passage__document__source")
        .annotate(owed=Count("pk", filter=Q(reason="")), set_aside=Count("pk", filter=~Q(reason="")))
    )
    found = list(rows)
    return {source: owed for source, owed, _ in found if owed}, sum(set_aside for _, _, set_aside in found)
