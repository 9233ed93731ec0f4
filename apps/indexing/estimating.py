"""What an index will take before it is built: time and disk, from what was measured."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.corpora.models import Passage
from apps.indexing import ann, jobs
from apps.indexing.measured import EncodingRate, Measurement
from apps.indexing.models import VectorIndex
from apps.pages.queues import workers_heard_from
from apps.retrievers.card import RetrieverCard

# A model is as quick next week, unless the machine was changed.
FRESH = timedelta(days=7)
# An embed worker may be in the middle of a minute's work.
PATIENCE = timedelta(minutes=3)

# Bytes beside the numbers: row header, keys and their two B-trees; a graph's neighbours and page slack.
_ROW_BYTES = 130
_NEIGHBOUR_BYTES, _NODE_BYTES, _SLACK = 12, 110, 1.08
# Microseconds a vector and doubling, at m=16, ef_construction=64 and 384 dims, until a graph was built here.
_GRAPH_US = 25.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """An index that may be made."""

    card: RetrieverCard
    checkpoint: str = ""
    precision: str
    m: int = 16
    ef_construction: int = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    passages: int
    passages_per_s: float | None  #: of one worker; None while nothing was measured
    measured_at: datetime | None
    workers: int  #: that embed at present
    table_bytes: int
    graph_bytes: int
    graph_s: float
    free_bytes: int | None  #: where our own database keeps its files; None where we cannot see that

    @property
    def bytes(self) -> int:
        return self.table_bytes + self.graph_bytes

    @property
    def fits(self) -> bool:
        """Tell whether it fits the disk, with a tenth to spare for the graph's making."""
        return self.free_bytes is None or 1.1 * self.bytes < self.free_bytes

    @property
    def embed_s(self) -> float | None:
        return self.passages / (self.passages_per_s * max(1, self.workers)) if self.passages_per_s else None

    @property
    def seconds(self) -> float | None:
        return None if self.embed_s is None else self.embed_s + self.graph_s


def estimate(plan: Plan) -> Estimate:
    passages = Passage.objects.count()
    rate = known_rate(plan)
    return Estimate(
        passages=passages,
        passages_per_s=rate.passages_per_s if rate else None,
        measured_at=rate.finished_at if rate else None,
        workers=_embedders(),
        table_bytes=passages * _table_bytes(plan),
        graph_bytes=passages * graph_bytes(plan.card.dim, precision=plan.precision, m=plan.m),
        graph_s=_graph_seconds(plan, passages),
        free_bytes=shutil.disk_usage(settings.STATE_DIR).free if settings.EMBEDDED_POSTGRES else None,
    )


def known_rate(plan: Plan) -> EncodingRate | None:
    """Return what was measured of the plan's model lately."""
    rates = EncodingRate.objects.of(retriever=plan.card.name, checkpoint=plan.checkpoint)
    return rates.filter(state=Measurement.DONE, finished_at__gt=timezone.now() - FRESH).first()


def rate_of(plan: Plan) -> EncodingRate:
    """Return a rate that was measured lately or is being measured, asked for if need be."""
    if known := known_rate(plan):
        return known
    rates = EncodingRate.objects.of(retriever=plan.card.name, checkpoint=plan.checkpoint)
    recent = rates.filter(requested_at__gt=timezone.now() - PATIENCE).first()
    return recent if recent and recent.state == Measurement.WAITING else _ask_for_rate(plan)


def _ask_for_rate(plan: Plan) -> EncodingRate:
    with transaction.atomic():
        rate = EncodingRate.objects.create(retriever=plan.card.name, checkpoint=plan.checkpoint)
        transaction.on_commit(lambda: _send(rate))
    return rate


def _send(rate: EncodingRate) -> None:
    try:
        jobs.request_rate(rate_id=rate.pk)
    except OperationalError:
        EncodingRate.objects.filter(pk=rate.pk).update(
            state=Measurement.FAILED, reason="the message broker does not answer", finished_at=timezone.now()
        )


def graph_bytes(dim: int, *, precision: str, m: int) -> int:
    """Return what a vector takes in a graph: its numbers, and twice m neighbours on the lowest layer."""
    return round(_SLACK * (dim * ann.BYTES[precision] + _NEIGHBOUR_BYTES * m + _NODE_BYTES))


def _table_bytes(plan: Plan) -> int:
    each = 4 if plan.precision == VectorIndex.Precision.VECTOR else 2
    return plan.card.dim * each + _ROW_BYTES


def _graph_seconds(plan: Plan, passages: int) -> float:
    """Go by the last graph that was built here: the work grows with n log n, the dims and both parameters."""
    last = VectorIndex.objects.filter(graph_seconds__gt=0, graph_vectors__gt=0).order_by("-pk").first()
    unit_us = _GRAPH_US
    if last and last.graph_seconds and last.graph_vectors:
        work = _graph_work(last.graph_vectors, dim=last.dim, m=last.m, ef_construction=last.ef_construction)
        unit_us = last.graph_seconds * 1e6 / work
    work = _graph_work(passages, dim=plan.card.dim, m=plan.m, ef_construction=plan.ef_construction)
    return work * unit_us / 1e6


def _graph_work(vectors: int, *, dim: int, m: int, ef_construction: int) -> float:
    return vectors * math.log2(vectors + 2) * math.sqrt(dim / 384 * m / 16) * ef_construction / 64


def _embedders() -> int:
    try:
        return sum(jobs.EMBED_QUEUE in worker.queues for worker in workers_heard_from())
    except (RedisError, OperationalError):
        return 0
