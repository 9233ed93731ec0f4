"""Runs that make training data and a model of a corpus: what was asked for, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.corpora.models import Corpus

_SILENT_S = 60  #: a run that was not heard of for so long has lost its process
_NAME = RegexValidator(r"^[A-Za-z0-9][\w.-]*\Z", "Letters, digits, dots, dashes and underscores, please.")


class RunGone(Exception):
    """The run is not in a state in which this can be done; the message says so."""


class AdaptationQuerySet(models.QuerySet["Adaptation"]):
    def waiting(self) -> Self:
        return self.filter(state=Adaptation.State.WAITING)

    def open(self) -> Self:
        return self.filter(state__in=(Adaptation.State.WAITING, Adaptation.State.RUNNING))

    def send_back_lost(self) -> int:
        """Let the runs whose process died wait again: they go on where they were."""
        silent_since = timezone.now() - timedelta(seconds=_SILENT_S)
        lost = self.filter(state=Adaptation.State.RUNNING, heard_at__lt=silent_since)
        return lost.update(state=Adaptation.State.WAITING)

    def take_next(self) -> Adaptation | None:
        """Claim the run that waits longest, for this process alone."""
        with transaction.atomic():
            run = self.waiting().select_for_update(skip_locked=True).order_by("pk").first()
            if run:
                run.mark_running()
            return run


class Adaptation(models.Model):
    """A model made for one corpus, from pairs to comparison. Its files are kept, so that it can go on."""

    class State(models.TextChoices):
        WAITING = "WAITING", "Waiting"
        RUNNING = "RUNNING", "Running"
        DATA = "DATA", "Training data made"
        DONE = "DONE", "Better: taken"
        REFUSED = "REFUSED", "Not better: not taken"
        FAILED = "FAILED", "Failed"
        CANCELLED = "CANCELLED", "Cancelled"

    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="adaptations")
    model = models.CharField(max_length=300, help_text="The card or folder of the model to begin from.")
    name = models.CharField(max_length=60, validators=[_NAME], help_text="Of the new model.")
    with_judgments = models.BooleanField(default=True, help_text="Learn from and be judged by people's judgments too.")
    only_data = models.BooleanField(default=False, help_text="Stop before the training: look at the data first.")
    passages_asked = models.PositiveIntegerField(
        default=0, help_text="Of so many passages a language model writes examples."
    )
    intents = models.JSONField(default=list, blank=True, help_text="That it writes examples for.")
    token_budget = models.PositiveBigIntegerField(null=True, blank=True, help_text="Then it is asked no more.")
    judges = models.JSONField(
        default=list, blank=True, help_text="Retrievers of which more than half must find what it wrote."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.TextField(blank=True, help_text="Why it ended so.")
    report = models.JSONField(null=True, blank=True, help_text="The comparison with the old model.")
    is_cancelling = models.BooleanField(default=False)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True, help_text="When its process last said that it lives.")

    objects = AdaptationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(state__in=["WAITING", "RUNNING", "DATA", "DONE"]), name="one_model_a_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} for {self.corpus}"

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.pk])

    @property
    def folder(self) -> Path:
        kept: Path = settings.STATE_DIR / "runs" / str(self.pk)
        return kept

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)

    @property
    def can_retry(self) -> bool:
        return self.state in (self.State.FAILED, self.State.CANCELLED)

    @property
    def out(self) -> Path:
        """The trainer's folder inside the run's."""
        return self.folder / "out"

    def mark_running(self) -> None:
        now = timezone.now()
        self.state, self.heard_at, self.started_at = self.State.RUNNING, now, self.started_at or now
        self.save(update_fields=["state", "heard_at", "started_at"])

    def hear(self) -> bool:
        """Say that its process lives; return whether it may go on: it was neither cancelled nor sent back as lost."""
        running = Adaptation.objects.filter(pk=self.pk, state=self.State.RUNNING, is_cancelling=False)
        return bool(running.update(heard_at=timezone.now()))

    def end(self, state: State, reason: str, *, report: Mapping[str, Any] | None = None) -> None:
        self.state, self.reason, self.report, self.ended_at = state, reason, report, timezone.now()
        self.save(update_fields=["state", "reason", "report", "ended_at"])

    def cancel(self) -> None:
        """Stop it now where it waits, within seconds where it runs. Raises RunGone where it has ended."""
        waiting = Adaptation.objects.filter(pk=self.pk, state=self.State.WAITING)
        if waiting.update(state=self.State.CANCELLED, ended_at=timezone.now(), reason="Cancelled before it began."):
            return
        if not Adaptation.objects.filter(pk=self.pk, state=self.State.RUNNING).update(is_cancelling=True):
            raise RunGone("This run has ended already.")

    def train(self) -> None:
        """Let a run that stopped at its data go on to a model. Raises RunGone where it did not."""
        made = Adaptation.objects.filter(pk=self.pk, state=self.State.DATA)
        if not made.update(state=self.State.WAITING, only_data=False, reason="", ended_at=None):
            raise RunGone("This run is not one that stopped at its data.")

    def retry(self) -> None:
        """Let it wait again, to go on where it was. Raises RunGone where it is open or done."""
        ended = Adaptation.objects.filter(pk=self.pk, state__in=(self.State.FAILED, self.State.CANCELLED))
        if not ended.update(state=self.State.WAITING, is_cancelling=False, reason="", ended_at=None):
            raise RunGone("This run is not one that stopped.")
