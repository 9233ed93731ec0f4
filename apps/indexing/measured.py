"""What was measured of indexes: how quick a model encodes, what an index finds, how a candidate compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from apps.indexing.models import VectorIndex


class Measurement(models.TextChoices):
    """Where something that a worker is to measure stands."""

    WAITING = "WAITING", "Waiting for a worker"
    DONE = "DONE", "Measured"
    FAILED = "FAILED", "Failed"


class EncodingRateQuerySet(models.QuerySet["EncodingRate"]):
    def of(self, *, retriever: str, checkpoint: str) -> Self:
        """Keep what was measured of one model, the newest first."""
        return self.filter(retriever=retriever, checkpoint=checkpoint).order_by("-requested_at", "-pk")


class EncodingRate(models.Model):
    """How many passages of ours a second an embed worker encodes with a model."""

    retriever = models.CharField(max_length=80)
    checkpoint = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=Measurement.choices, default=Measurement.WAITING)
    requested_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Why it failed, for the admin.")
    revision = models.CharField(max_length=80, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    sample = models.PositiveIntegerField(default=0, help_text="How many passages were encoded.")
    passages_per_s = models.FloatField(default=0)

    objects = EncodingRateQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["retriever", "-requested_at"])]

    def __str__(self) -> str:
        return f"{self.retriever}: {self.passages_per_s:.0f} passages/s"


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def done(self) -> Self:
        """Keep those that were measured to the end, the newest first."""
        return self.filter(state=Measurement.DONE).order_by("-finished_at", "-pk")


class Certificate(models.Model):
    """What an index was found to find, compared with looking at every vector."""

    index = models.ForeignKey("indexing.VectorIndex", on_delete=models.CASCADE, related_name="certificates")
    state = models.CharField(max_length=10, choices=Measurement.choices, default=Measurement.WAITING)
    requested_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Why it failed, for the admin.")
    ef_search = models.PositiveSmallIntegerField(default=0, help_text="What searches used at that time.")
    recall = models.FloatField(null=True, blank=True, help_text="recall@10 at that ef_search.")
    # [{"ef_search": 40, "recall": 0.98, "p50_ms": 1.2, "p95_ms": 2.0}], lowest ef_search first
    curve = models.JSONField(default=list, blank=True)
    exact_p50_ms = models.FloatField(default=0)
    exact_p95_ms = models.FloatField(default=0)
    # {"judged": 20, "passages": 80}: where the queries came from
    sources = models.JSONField(default=dict, blank=True)
    vectors = models.PositiveIntegerField(default=0)
    table_bytes = models.BigIntegerField(default=0)
    graph_bytes = models.BigIntegerField(default=0)
    # {"QA": {"ndcg": 0.61, "queries": 12}}: on the organisation's own judgments, empty without any
    quality = models.JSONField(default=dict, blank=True)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["index", "-requested_at"])]

    def __str__(self) -> str:
        return f"certificate {self.pk} of index {self.index_id}"

    @property
    def queries(self) -> int:
        return sum(self.sources.values())

    def before(self) -> Certificate | None:
        """Return the certificate that the index had before this one."""
        return Certificate.objects.done().filter(index=self.index_id, pk__lt=self.pk).first()

    def recall_at(self, ef_search: int) -> float | None:
        """Return recall@10 at `ef_search`, or None where it was not measured."""
        return next((point["recall"] for point in self.curve if point["ef_search"] == ef_search), None)

    def drift(self) -> float | None:
        """Return how much recall@10 has changed since the certificate before, at today's ef_search."""
        earlier = self.before()
        was = earlier.recall_at(self.ef_search) if earlier else None
        return None if was is None or self.recall is None else self.recall - was


class ShadowedSearchQuerySet(models.QuerySet["ShadowedSearch"]):
    def between(self, candidate: VectorIndex, live: VectorIndex) -> Self:
        return self.filter(candidate=candidate, live=live)


class ShadowedSearch(models.Model):
    """A search of somebody's, run once more on the live index and on a candidate, behind its answer."""

    candidate = models.ForeignKey("indexing.VectorIndex", on_delete=models.CASCADE, related_name="shadowed")
    live = models.ForeignKey("indexing.VectorIndex", on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()
    intent = models.CharField(max_length=10)
    shared = models.PositiveSmallIntegerField(help_text="How many of the first ten are the same.")
    compared = models.PositiveSmallIntegerField(help_text="Out of how many.")
    encode_ms = models.FloatField(help_text="Encoding by the candidate's model.")
    live_ms = models.FloatField(help_text="Search among the vectors of the live index.")
    candidate_ms = models.FloatField(help_text="The same in the candidate.")

    objects = ShadowedSearchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "shadowed searches"
        indexes = [models.Index(fields=["candidate", "-asked_at"])]

    def __str__(self) -> str:
        return f"{self.shared} of {self.compared} shared: {self.text[:60]}"
