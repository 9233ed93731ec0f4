"""Vector indexes, the vectors in them, the passages still waiting for theirs, and the batches workers made."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast, Now
from django.urls import reverse
from pgvector import Bit, HalfVector, Vector
from pgvector.django import BitField, HalfVectorField, HammingDistance, MaxInnerProduct, VectorField

from apps.corpora.models import Passage
from apps.indexing import ann
from apps.indexing.measured import Certificate, EncodingRate, ShadowedSearch
from apps.retrievers.card import RetrieverCard
from apps.retrievers.fusion import check_shares
from apps.retrievers.naming import card_called

__all__ = [
    "Certificate",
    "EmbeddingBatch",
    "EncodingRate",
    "PassageVector",
    "PendingVector",
    "ShadowedSearch",
    "VectorIndex",
]


def _check_shares(shares: dict[str, float]) -> None:
    try:
        check_shares(shares)
    except ValueError as wrong:
        raise ValidationError(str(wrong)) from wrong


class VectorIndexQuerySet(models.QuerySet["VectorIndex"]):
    def live(self) -> VectorIndex | None:
        """Return the index that answers searches, if there is one yet."""
        return self.filter(status=VectorIndex.Status.LIVE).first()

    def growing(self) -> Self:
        """Keep the indexes that workers fill and keep up: new passages enter them."""
        return self.filter(status__in=VectorIndex.GROWING)

    def standby(self) -> VectorIndex | None:
        """Return the index that answered before the live one did, if it was kept."""
        return self.filter(status=VectorIndex.Status.STANDBY).order_by("-went_live_at").first()


class VectorIndex(models.Model):
    """The vectors of all passages by one model at one revision: two models never mix."""

    class Status(models.TextChoices):
        PAUSED = "PAUSED", "Paused"  # owes what comes in, but nobody pays
        BUILDING = "BUILDING", "Building"
        READY = "READY", "Ready"
        LIVE = "LIVE", "Live"
        STANDBY = "STANDBY", "Standby"  # was live; kept up, so that one can go back to it
        RETIRED = "RETIRED", "Retired"  # kept up no more

    class Precision(models.TextChoices):
        HALFVEC = "halfvec", "16-bit numbers"
        VECTOR = "vector", "32-bit numbers"
        BINARY = "binary", "graph of signs, order by 16-bit numbers"

    GROWING = (Status.BUILDING, Status.READY, Status.LIVE, Status.STANDBY)

    retriever = models.CharField(max_length=80, help_text="The card's name.")
    revision = models.CharField(max_length=80)
    checkpoint = models.CharField(
        max_length=500, blank=True, help_text="Folder of the weights on the workers; empty: where settings look."
    )
    dim = models.PositiveIntegerField()
    precision = models.CharField(max_length=10, choices=Precision.choices, default=Precision.HALFVEC)
    m = models.PositiveSmallIntegerField(default=16, validators=[MinValueValidator(4), MaxValueValidator(100)])
    ef_construction = models.PositiveSmallIntegerField(
        default=64, validators=[MinValueValidator(8), MaxValueValidator(1000)]
    )
    ef_search = models.PositiveSmallIntegerField(
        default=100, validators=[MinValueValidator(10), MaxValueValidator(1000)]
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BUILDING)
    goes_live = models.BooleanField(default=False, help_text="Takes over by itself as soon as it is complete.")
    chosen = models.BooleanField(default=False, help_text="An admin made it live: settings do not replace it.")
    created_at = models.DateTimeField(auto_now_add=True)
    went_live_at = models.DateTimeField(null=True, blank=True)
    trouble = models.TextField(blank=True, help_text="Why the last worker that took it could not embed.")
    graph_seconds = models.FloatField(null=True, blank=True, help_text="How long its graph took to build.")
    graph_vectors = models.PositiveIntegerField(null=True, blank=True, help_text="Of how many vectors.")
    recall_floor = models.FloatField(
        default=0.95, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)], help_text="The least recall@10."
    )
    exact_below_floor = models.BooleanField(default=False, help_text="Below the floor, look at every vector.")
    searches_exactly = models.BooleanField(default=False, help_text="It does so now.")
    dense_shares = models.JSONField(
        default=dict,
        blank=True,
        validators=[_check_shares],
        help_text="By intent: how much meaning counts beside words, where not as usual.",
    )
    shadow_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="The share of searches that run on it too, behind the live answer.",
    )

    objects = VectorIndexQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "vector indexes"
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="LIVE"), name="one_live_index"),
        ]

    def __str__(self) -> str:
        return f"{self.retriever} ({self.dim}, {self.status.lower()})"

    def get_absolute_url(self) -> str:
        return reverse("index", args=[self.pk])

    @property
    def card(self) -> RetrieverCard:
        """Return its model's card; raises UnknownRetriever for a model of one's own whose folder is gone."""
        return card_called(self.retriever, self.folder)

    @property
    def folder(self) -> Path | None:
        """Return where its weights lie; None: where the settings of whoever loads them look."""
        return Path(self.checkpoint) if self.checkpoint else None

    @property
    def is_growing(self) -> bool:
        return self.status in self.GROWING

    @property
    def is_live(self) -> bool:
        return self.status == self.Status.LIVE

    def certificate(self) -> Certificate | None:
        """Return the newest measurement of what it finds."""
        return Certificate.objects.done().filter(index=self).first()


class PassageVectorQuerySet(models.QuerySet["PassageVector"]):
    def nearest(self, vector: np.ndarray, *, index: VectorIndex) -> Self:
        """Order the vectors of `index` by distance to `vector`, nearest first, through its HNSW graph.

        Call inside `ann.scanning()`, after every filter. Nothing may follow the distance in ORDER BY:
        the planner would drop the graph. Of very large vectors only the nearest few hundred are there.
        """
        if index.precision == VectorIndex.Precision.BINARY:
            few = self.filter(index=index).order_by(_distance_of_signs(vector, index.dim)).values("passage_id")
            candidates = type(self)(self.model).filter(passage_id__in=few[: ann.CANDIDATES_BY_SIGNS])
            return candidates.nearest_exactly(vector, index=index)
        return self.filter(index=index).annotate(distance=_distance(vector, index)).order_by("distance")

    def nearest_exactly(self, vector: np.ndarray, *, index: VectorIndex) -> Self:
        """Do the same by comparing with every vector: the + 0 hides the graph from the planner."""
        return (
            self.filter(index=index)
            .annotate(distance=_distance(vector, index))
            .order_by(models.F("distance") + models.Value(0.0))
        )


def _distance(vector: np.ndarray, index: VectorIndex) -> MaxInnerProduct:
    """Return minus the inner product: vectors are of unit length, so minus the cosine."""
    if index.precision == VectorIndex.Precision.VECTOR:
        return MaxInnerProduct(Cast("embedding32", VectorField(dimensions=index.dim)), Vector(vector))
    return MaxInnerProduct(Cast("embedding", HalfVectorField(dimensions=index.dim)), HalfVector(vector))


def _distance_of_signs(vector: np.ndarray, dim: int) -> HammingDistance:
    """Return in how many dimensions the signs differ."""
    signs = models.Func(Cast("embedding", HalfVectorField(dimensions=dim)), function="binary_quantize")
    bits = BitField(length=dim)
    return HammingDistance(Cast(signs, bits), Cast(models.Value(Bit(vector > 0).to_text()), bits))


class PassageVector(models.Model):
    """One vector of one passage in one index; the table is partitioned by index (see 0001)."""

    pk = models.CompositePrimaryKey("index_id", "passage_id")
    index = models.ForeignKey(VectorIndex, on_delete=models.DO_NOTHING, db_constraint=False, related_name="vectors")
    passage = models.ForeignKey(Passage, on_delete=models.DO_NOTHING, related_name="vectors")
    # One of the two, by the precision of the index.
    embedding = HalfVectorField(null=True)
    embedding32 = VectorField(null=True)

    objects = PassageVectorQuerySet.as_manager()

    class Meta:
        # Made by SQL in 0002: PARTITION BY LIST is not something Django can declare.
        db_table = "indexing_passagevector"

    def __str__(self) -> str:
        return f"vector of passage {self.passage_id} in index {self.index_id}"


class PendingVector(models.Model):
    """A passage whose vector is still owed to an index: the embed workers' queue, in the database.

    A row enters in the transaction that adds its passage and leaves in the one that stores its
    vector, so that no crash in between can lose or double a passage.
    """

    index = models.ForeignKey(VectorIndex, on_delete=models.CASCADE, related_name="pending")
    passage = models.ForeignKey(Passage, on_delete=models.CASCADE, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Why it was set aside; empty while it can be tried.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["index", "passage"], name="pending_once"),
        ]

    def __str__(self) -> str:
        return f"passage {self.passage_id} waits for index {self.index_id}"


class EmbeddingBatchQuerySet(models.QuerySet["EmbeddingBatch"]):
    def in_hand(self) -> Self:
        return self.filter(state=EmbeddingBatch.State.WORKING)

    def bad(self) -> Self:
        return self.filter(state__in=[EmbeddingBatch.State.FAILED, EmbeddingBatch.State.LOST])


class EmbeddingBatch(models.Model):
    """Some passages that one worker took to embed: the story of each start, kept for a while."""

    class State(models.TextChoices):
        WORKING = "WORKING", "Embedding"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"  # some of its passages were set aside, or its encoder went away
        LOST = "LOST", "Lost"  # its worker stopped; the passages went to another

    index = models.ForeignKey(VectorIndex, on_delete=models.CASCADE, related_name="batches")
    worker = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WORKING)
    attempt = models.PositiveSmallIntegerField(default=1, help_text="The highest among its passages.")
    passages = models.PositiveIntegerField()
    stored = models.PositiveIntegerField(default=0)
    set_aside = models.PositiveIntegerField(default=0)
    reason = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    # By the database's clock, as whoever looks at it.
    alive_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = EmbeddingBatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "embedding batches"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["index", "-started_at"]), models.Index(fields=["state", "alive_at"])]

    def __str__(self) -> str:
        return f"batch {self.pk} of index {self.index_id}"

    @property
    def seconds(self) -> float | None:
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None
