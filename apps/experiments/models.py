"""Measurements worth keeping: what scored how much, on what, and where that was found out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from apps.experiments.runs import Adaptation
from apps.retrievers.family import FAMILY
from apps.retrievers.intents import Intent

if TYPE_CHECKING:
    from apps.accounts.models import User

__all__ = ["Adaptation", "OwnMeasurement", "Run"]  # all models of this application are found here

# Of a system's description: what has a field of its own, and what another measurement of the same would change.
_NOT_SETTINGS = {"model", "card", "retrieval", "search", "run"}
NDCG = "ndcg@10"


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: User) -> Self:
        """Keep what was measured on public collections, and on the judgments that `user` may read: their own runs."""
        return self if user.is_admin else self.filter(Q(owner=None) | Q(owner=user))


class RunManager(models.Manager["Run"].from_queryset(RunQuerySet)):  # type: ignore[misc]
    def record(self, report: Mapping[str, Any], *, command: str = "", owner: User | None = None) -> tuple[Run, bool]:
        """Keep one report of the evaluator; the same system on the same collection has one row, the latest.

        command: what a person typed, where that was not the evaluator itself. owner: whose judgments it was measured
        on. Returns the run, and whether it is new.
        """
        system, origin = report["system"], report["origin"]
        settings = {key: value for key, value in system.items() if key not in _NOT_SETTINGS}
        search = system.get("search", "exact")
        identity = [report["digest"], system["model"], report["retrieval"], search, settings]
        identity += [owner.pk] if owner else []
        return self.update_or_create(
            fingerprint=hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32],
            defaults={
                "set": report["set"],
                "label": report["label"],
                "model": system.get("card", system["model"]),
                "retrieval": report["retrieval"],
                "search": search,
                "settings": settings,
                "scores": report["intents"],
                "significant": report["significant"],
                "average": report["average"],
                "took_s": report["took_s"],
                "digest": report["digest"],
                "queries": report.get("queries", {}),
                "owner": owner,
                "command": command or origin.get("command", ""),
                "machine": origin.get("machine", ""),
                "commit": origin.get("commit", ""),
                "measured_at": datetime.fromisoformat(origin["at"]),
            },
        )


class Run(models.Model):
    """One system measured on one test collection. Scores are fractions of one."""

    fingerprint = models.CharField(
        max_length=32, unique=True, help_text="Of the collection and all that scores depend on."
    )
    set = models.CharField(max_length=100)
    label = models.CharField(max_length=300, help_text="What tables call the system.")
    model = models.CharField(max_length=200, help_text="The card's name, or what else made the ranking.")
    retrieval = models.CharField(max_length=20)
    search = models.CharField(max_length=20, default="exact", help_text="exact: the model alone; index: the product.")
    settings = models.JSONField(default=dict, blank=True)
    scores = models.JSONField(help_text="By intent: each measure, and how many queries.")
    significant = models.JSONField(
        default=list, blank=True, help_text="Intents, and average, better than the baseline: p < 0.05, Wilcoxon."
    )
    average = models.FloatField(help_text="Mean NDCG@10 of the intents.")
    took_s = models.FloatField()
    digest = models.CharField(max_length=64, blank=True, help_text="Of the collection: only its like compares.")
    queries = models.JSONField(default=dict, blank=True, help_text="By id: what was asked, its intent and its NDCG@10.")
    owner = models.ForeignKey(
        "accounts.User",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Who measured it on judgments of passages that not everybody may read.",
    )
    command = models.TextField(blank=True)
    machine = models.CharField(max_length=200, blank=True)
    commit = models.CharField(max_length=40, blank=True)
    measured_at = models.DateTimeField()

    objects = RunManager()

    class Meta:
        ordering = ["set", "-average"]

    def __str__(self) -> str:
        return f"{self.label} on {self.set}"

    @property
    def size_class(self) -> str:
        """The published table's band; empty for a system without a model of the family."""
        card = FAMILY.get(self.model)
        return card.size_class if card else ""

    def percent(self, intent: Intent) -> float | None:
        """Return NDCG@10 in percent, or None where the set has no query of that intent."""
        scores = self.scores.get(str(intent))
        return 100 * scores[NDCG] if scores else None


class OwnMeasurement(models.Model):
    """The systems at hand measured on what somebody's organisation judged, as far as that person may read it."""

    class State(models.TextChoices):
        WAITING = "WAITING", "Waiting for a worker"
        WORKING = "WORKING", "Measuring"
        DONE = "DONE", "Measured"
        FAILED = "FAILED", "Failed"

    asked_by = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.TextField(blank=True, help_text="Why it failed.")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    digest = models.CharField(
        max_length=64, blank=True, help_text="Of the judgments: the runs that came of it have it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"judgments that {self.asked_by} may read, {self.created_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("own-measurement", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.WAITING, self.State.WORKING)

    def advance(self, done: int, *, total: int) -> None:
        self.state, self.done, self.total = self.State.WORKING, done, total
        self.save(update_fields=["state", "done", "total"])

    def end(self, state: State, reason: str = "", *, digest: str = "") -> None:
        self.state, self.reason, self.digest = state, reason, digest
        self.save(update_fields=["state", "reason", "digest"])

    def runs(self) -> models.QuerySet[Run]:
        """Return what came of it, the best first."""
        return Run.objects.filter(owner=self.asked_by, digest=self.digest).order_by("-average")
