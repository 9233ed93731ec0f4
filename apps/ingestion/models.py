"""Jobs and their items: what was asked, how far it is, and why anything failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.urls import reverse

from apps.corpora.models import Corpus, Kind, StoredFile

if TYPE_CHECKING:
    from apps.accounts.models import User


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(corpus__in=Corpus.objects.writable_by(user))


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


class JobItem(models.Model):
    """One file of a job."""

    class State(models.TextChoices):
        WAITING = "WAITING", "Waiting"
        WORKING = "WORKING", "Reading"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"
        QUARANTINED = "QUARANTINED", "Set aside"  # its third start did not end either
        CANCELLED = "CANCELLED", "Cancelled"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items")
    name = models.CharField(max_length=500, help_text="As uploaded, with folders.")
    source = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="job_items")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    reason = models.TextField(blank=True, help_text="Why it failed, for the uploader.")
    # Column mapping of a table of records: the guess, or what a person made of it.
    mapping = models.JSONField(null=True, blank=True)
    documents = models.PositiveIntegerField(default=0)
    passages = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    # [{"number": 17, "reason": "no text"}], the first thousand; bad_row_count has them all.
    bad_rows = models.JSONField(default=list, blank=True)
    bad_row_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    alive_at = models.DateTimeField(null=True, blank=True, help_text="Last sign of life of its worker.")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["job", "state"]), models.Index(fields=["state", "alive_at"])]

    def __str__(self) -> str:
        return self.name
