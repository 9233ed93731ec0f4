"""Vector indexes, the vectors in them, and the passages still waiting for theirs."""

from __future__ import annotations

from typing import Self

import numpy as np
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast
from pgvector import HalfVector
from pgvector.django import HalfVectorField, MaxInnerProduct

from apps.corpora.models import Passage
from apps.retrievers.family import RetrieverCard, get_card


class VectorIndexQuerySet(models.QuerySet["VectorIndex"]):
    def live(self) -> VectorIndex | None:
        """Return the index that answers searches, if there is one yet."""
        return self.filter(status=VectorIndex.Status.LIVE).first()

    def growing(self) -> Self:
        """Keep the indexes that new passages must enter."""
        return self.filter(status__in=[VectorIndex.Status.BUILDING, VectorIndex.Status.READY, VectorIndex.Status.LIVE])


class VectorIndex(models.Model):
    """The vectors of all passages by one model at one revision: two models never mix."""

    class Status(models.TextChoices):
        BUILDING = "BUILDING", "Building"
        READY = "READY", "Ready"
        LIVE = "LIVE", "Live"
        RETIRED = "RETIRED", "Retired"

    retriever = models.CharField(max_length=80, help_text="The card's name.")
    revision = models.CharField(max_length=80)
    dim = models.PositiveIntegerField()
    m = models.PositiveSmallIntegerField(default=16)
    ef_construction = models.PositiveSmallIntegerField(default=64)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BUILDING)
    created_at = models.DateTimeField(auto_now_add=True)
    went_live_at = models.DateTimeField(null=True, blank=True)

    objects = VectorIndexQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "vector indexes"
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="LIVE"), name="one_live_index"),
        ]

    def __str__(self) -> str:
        return f"{self.retriever} ({self.dim}, {self.status.lower()})"

    @property
    def card(self) -> RetrieverCard:
        return get_card(self.retriever)


class PassageVectorQuerySet(models.QuerySet["PassageVector"]):
    def nearest(self, vector: np.ndarray, *, index: VectorIndex) -> Self:
        """Order the vectors of `index` by distance to `vector`, nearest first, through its HNSW graph.

        Call inside `ann.scanning()`. Nothing may follow the distance in ORDER BY: the planner
        would drop the graph.
        """
        return self.filter(index=index).annotate(distance=_distance(vector, index.dim)).order_by("distance")

    def nearest_exactly(self, vector: np.ndarray, *, index: VectorIndex) -> Self:
        """Do the same by comparing with every vector: the + 0 hides the graph from the planner."""
        return (
            self.filter(index=index)
            .annotate(distance=_distance(vector, index.dim))
            .order_by(models.F("distance") + models.Value(0.0))
        )


def _distance(vector: np.ndarray, dim: int) -> MaxInnerProduct:
    """Return minus the inner product: vectors are of unit length, so minus the cosine."""
    return MaxInnerProduct(Cast("embedding", HalfVectorField(dimensions=dim)), HalfVector(vector))


class PassageVector(models.Model):
    """One vector of one passage in one index; the table is partitioned by index (see 0001)."""

    pk = models.CompositePrimaryKey("index_id", "passage_id")
    index = models.ForeignKey(VectorIndex, on_delete=models.DO_NOTHING, db_constraint=False, related_name="vectors")
    passage = models.ForeignKey(Passage, on_delete=models.DO_NOTHING, related_name="vectors")
    embedding = HalfVectorField()

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
