"""Measurements worth keeping: what scored how much, on what, and where that was found out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models

from apps.retrievers.family import FAMILY
from apps.retrievers.intents import Intent

# Of a system's description: what has a field of its own, and what another measurement of the same would change.
_NOT_SETTINGS = {"model", "card", "retrieval", "search", "run"}
NDCG = "ndcg@10"


class RunManager(models.Manager["Run"]):
    def record(self, report: Mapping[str, Any], *, command: str = "") -> tuple[Run, bool]:
        """Keep one report of the evaluator; the same system on the same collection has one row, the latest.

        command: what a person typed, where that was not the evaluator itself. Returns the run, and whether it is new.
        """
        system, origin = report["system"], report["origin"]
        settings = {key: value for key, value in system.items() if key not in _NOT_SETTINGS}
        search = system.get("search", "exact")
        identity = [report["digest"], system["model"], report["retrieval"], search, settings]
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
