"""Jobs and their items: what was asked, how far it is, and why anything failed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Count, F, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone

from apps.corpora import corrections, describing
from apps.corpora.models import Corpus, Correction, Document, DocumentQuerySet, Kind, StoredFile

if TYPE_CHECKING:
    from apps.accounts.models import User

# More than anybody reads; `bad_row_count` has them all.
KEPT_BAD_ROWS = 1_000
DELETED_AT_ONCE = 200


class ItemLost(Exception):
    """Somebody else took the item over, or it was deleted: whoever still works on it must stop."""


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(corpus__in=Corpus.objects.writable_by(user))

    def with_counts(self) -> Self:
        """Add how many items there are in all, open, and failed; counted for the jobs that are fetched only."""
        return self.annotate(
            item_count=_count(JobItem.objects.all()),
            open_count=_count(JobItem.objects.open()),
            failed_count=_count(JobItem.objects.bad()),
        )


def _count(items: models.QuerySet[JobItem]) -> Coalesce:
    of_job = items.filter(job=OuterRef("pk")).order_by().values("job")
    return Coalesce(Subquery(of_job.annotate(n=Count("pk")).values("n")), 0)


class Job(models.Model):
    """One act of bringing files into a corpus; its state is that of its items."""

    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="jobs")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"job {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("job", args=[self.pk])


class JobItemQuerySet(models.QuerySet["JobItem"]):
    def waiting(self) -> Self:
        return self.filter(state=JobItem.State.WAITING)

    def open(self) -> Self:
        """Keep what is not at its end."""
        return self.filter(state__in=JobItem.OPEN)

    def bad(self) -> Self:
        """Keep what a person may retry."""
        return self.filter(state__in=JobItem.BAD)

    def visible_to(self, user: User) -> Self:
        return self.filter(job__in=Job.objects.visible_to(user))

    def bad_first(self) -> Self:
        """Order as people look: what failed, what is worked on, what waits, what is done."""
        ranks = {JobItem.State.DONE: 4, JobItem.State.CANCELLED: 3, JobItem.State.WAITING: 2, JobItem.State.WORKING: 1}
        whens = [When(state=state, then=Value(rank)) for state, rank in ranks.items()]
        return self.annotate(rank=Case(*whens, default=Value(0))).order_by("rank", "pk")

    def claim(self, pk: int) -> JobItem | None:
        """Take item `pk` for this worker; None when it does not wait (any more)."""
        now = timezone.now()
        # No join here: Django would put the state into a subquery, which PostgreSQL does not look at again
        # after waiting for another worker's claim, and both would have the item.
        wanted = Job.objects.filter(corpus__in=Corpus.objects.all())
        claimed = (
            self.waiting()
            .filter(pk=pk, job__in=wanted)
            .update(
                state=JobItem.State.WORKING,
                attempts=F("attempts") + 1,
                started_at=now,
                alive_at=Now(),
                finished_at=None,
                reason="",
                duplicates=0,
                bad_rows=[],
                bad_row_count=0,
            )
        )
        return self.select_related("job__corpus", "source").get(pk=pk) if claimed else None

    def held_by(self, item: JobItem) -> Self:
        """Keep `item` if it is still this worker's: each claim has a start of its own."""
        return self.filter(pk=item.pk, state=JobItem.State.WORKING, started_at=item.started_at)

    def send_back(self, reason: str = "") -> int:
        """Let the items wait for a worker again, with all their starts before them."""
        return self.update(
            state=JobItem.State.WAITING,
            waiting_since=Now(),
            attempts=0,
            reason=reason,
            started_at=None,
            finished_at=None,
        )


class JobItem(models.Model):
    """One file of a job."""

    class State(models.TextChoices):
        WAITING = "WAITING", "Waiting"
        WORKING = "WORKING", "Reading"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"
        QUARANTINED = "QUARANTINED", "Set aside"  # its third start did not end either
        CANCELLED = "CANCELLED", "Cancelled"

    OPEN = (State.WAITING, State.WORKING)
    BAD = (State.FAILED, State.QUARANTINED)

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="members", help_text="The zip it lay in."
    )
    name = models.CharField(max_length=500, help_text="As uploaded, with folders.")
    source = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="job_items")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    reason = models.TextField(blank=True, help_text="Why it failed, for the uploader.")
    # Column mapping of a table of records: the guess, or what a person made of it.
    mapping = models.JSONField(null=True, blank=True)
    starts_over = models.BooleanField(
        default=False, db_default=False, help_text="What came out of it by an earlier mapping goes before it is read."
    )
    documents = models.PositiveIntegerField(default=0)
    passages = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    # [{"number": 17, "name": "", "reason": "no text"}], the first thousand; bad_row_count has them all.
    bad_rows = models.JSONField(default=list, blank=True)
    bad_row_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    waiting_since = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    # By the database's clock, as whoever looks at it: workers' own clocks may be minutes apart.
    alive_at = models.DateTimeField(null=True, blank=True, help_text="Last sign of life of its worker.")
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobItemQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["job", "state"]), models.Index(fields=["state", "alive_at"])]

    def __str__(self) -> str:
        return self.name

    @property
    def is_bad(self) -> bool:
        return self.state in self.BAD

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def seconds(self) -> float | None:
        """Return how long its last start took; None while it runs or when none was made."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    def own_documents(self) -> models.QuerySet[Document]:
        """Return the documents that came out of this very file into this corpus."""
        return Document.objects.filter(corpus=self.job.corpus_id, source=self.source_id)

    # Writes of the worker that holds the item; each raises ItemLost when it holds it no more.

    def mark_done(self) -> None:
        self._mark(state=self.State.DONE, finished_at=timezone.now())

    def mark_failed(self, reason: str) -> None:
        self._mark(state=self.State.FAILED, reason=reason, finished_at=timezone.now())

    def mark_alive(self) -> None:
        self._mark(alive_at=Now())

    def set_mapping(self, mapping: dict[str, object]) -> None:
        self._mark(mapping=mapping)

    def add_counts(self, *, documents: int = 0, passages: int = 0, duplicates: int = 0) -> None:
        self._mark(
            documents=F("documents") + documents,
            passages=F("passages") + passages,
            duplicates=F("duplicates") + duplicates,
            alive_at=Now(),
        )

    def set_bad_rows(self, rows: Sequence[dict[str, object]], *, count: int) -> None:
        self._mark(bad_rows=list(rows), bad_row_count=count)

    def start_over(self) -> None:
        """Delete what came out of the file, some documents at a time: those of a large table fill the memory."""
        while keys := list(self.own_documents().order_by("pk").values_list("pk", flat=True)[:DELETED_AT_ONCE]):
            self.mark_alive()
            Document.objects.filter(pk__in=keys).delete()
        self._mark(starts_over=False)

    def _mark(self, **fields: object) -> None:
        if not JobItem.objects.held_by(self).update(**fields):
            raise ItemLost(f"item {self.pk} is no longer held by the start of {self.started_at}")


class BulkCorrectionQuerySet(models.QuerySet["BulkCorrection"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(corpus__in=Corpus.objects.writable_by(user))

    def open(self) -> Self:
        """Keep what a worker has to go on with, the oldest first."""
        in_use = Corpus.objects.all()  # not the deleted ones
        return self.filter(state=BulkCorrection.State.OPEN, corpus__in=in_use).order_by("asked_at", "pk")


class BulkCorrection(models.Model):
    """Something set on very many documents, or taken back from them: a worker does it, a step a transaction."""

    class State(models.TextChoices):
        OPEN = "OPEN", "Under way"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Stopped"

    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="bulk_corrections")
    upload = models.ForeignKey(Job, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    values = models.JSONField(help_text="By field, as `Correction.value`.")
    act = models.UUIDField(unique=True, default=uuid.uuid4, help_text="Of the corrections that it makes.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    is_undo = models.BooleanField(default=False, help_text="Somebody wants it taken back.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reason = models.TextField(blank=True, help_text="Why it stopped.")
    total = models.PositiveIntegerField(help_text="Documents, when it was asked for.")
    looked_at = models.PositiveIntegerField(default=0, help_text="Documents so far.")
    changed = models.PositiveIntegerField(default=0, help_text="Documents so far.")
    # Of the last document, or correction, that was done: there the next step begins.
    up_to = models.BigIntegerField(default=0)

    objects = BulkCorrectionQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"correction {self.pk} of {self.corpus}"

    def get_absolute_url(self) -> str:
        return reverse("bulk-correction", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def lines(self) -> list[describing.Line]:
        """Return what is set, in words."""
        return list(describing.lines(corrections.not_stored(self.values)))

    def documents(self) -> DocumentQuerySet:
        return documents_of(self.corpus, self.upload)

    def made(self) -> models.QuerySet[Correction]:
        return Correction.objects.filter(act=self.act).order_by("pk")

    def advance(self, *, up_to: int, looked_at: int, changed: int) -> None:
        self.up_to = up_to
        self.looked_at += looked_at
        self.changed += changed
        self.save(update_fields=["up_to", "looked_at", "changed"])

    def end(self, state: State, reason: str = "") -> None:
        self.state, self.reason = state, reason
        self.save(update_fields=["state", "reason"])


def documents_of(corpus: Corpus, upload: Job | None) -> DocumentQuerySet:
    """Return the documents of a corpus, or those that came with one upload into it."""
    documents = Document.objects.filter(corpus=corpus)
    return documents.filter(source__in=upload.items.values("source")) if upload else documents
