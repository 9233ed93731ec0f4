"""Proof of what an index finds: its graph against looking at every vector, on queries people may ask."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.indexing import ann, jobs
from apps.indexing.measured import Certificate, Measurement
from apps.indexing.models import PassageVector, VectorIndex

K = 10
# As deep as a search looks; the graph is asked for as many, and the first ten of them are compared.
DEPTH = 100
EF_SEARCHES = (20, 40, 80, 100, 150, 200, 400)
QUERIES = 100
# Looking at a million vectors takes half a second: as many queries as fit, but enough to say something.
EXACT_BUDGET_S, FEWEST_QUERIES = 60.0, 20

RECHECK_AFTER = timedelta(days=7)
GROWN = 1.2
# A worker that measures for longer than this is not there any more; one that has not begun was never told.
GIVEN_UP_AFTER, LOST_AFTER = timedelta(minutes=10), timedelta(minutes=2)
MAX_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Point:
    ef_search: int
    recall: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    points: tuple[Point, ...]  #: lowest ef_search first; none where there is no graph
    exact_p50_ms: float
    exact_p95_ms: float
    queries: int

    def recall_at(self, ef_search: int) -> float:
        """Return recall@10 at `ef_search`; without a graph every search is exact."""
        return next((point.recall for point in self.points if point.ef_search == ef_search), 1.0)


def request(index: VectorIndex) -> Certificate:
    """Return the certificate that is being measured, asked for if none is."""
    with transaction.atomic():
        VectorIndex.objects.select_for_update().get(pk=index.pk)
        waiting = index.certificates.filter(state=Measurement.WAITING).first()
        proof = waiting or index.certificates.create()
        if waiting is None:
            transaction.on_commit(lambda: _send(proof))
    return proof


def begin(certificate_id: int) -> Certificate | None:
    """Take the certificate for this worker; None when it was measured or given up meanwhile."""
    taken = Certificate.objects.filter(pk=certificate_id, state=Measurement.WAITING)
    if not taken.update(started_at=timezone.now(), attempts=F("attempts") + 1):
        return None
    return Certificate.objects.select_related("index").get(pk=certificate_id)


def measure(index: VectorIndex, queries: np.ndarray, *, ef_searches: Sequence[int] = EF_SEARCHES) -> Findings:
    """Compare the graph with exact search. queries: of unit length, (n, index.dim), as many as time allows."""
    truth, exact_ms = _exactly(index, queries)
    points: tuple[Point, ...] = ()
    if ann.has_hnsw(index):
        wanted = sorted({*ef_searches, index.ef_search})
        points = tuple(_point(index, queries[: len(truth)], truth, ef_search=ef) for ef in wanted)
    return Findings(
        points=points,
        exact_p50_ms=_percentile(exact_ms, 50),
        exact_p95_ms=_percentile(exact_ms, 95),
        queries=len(truth),
    )


def finish(
    proof: Certificate, findings: Findings, *, sources: Mapping[str, int], quality: Mapping[str, Mapping[str, float]]
) -> None:
    """Write the certificate, and let the index search exactly or not, as its admin wants it below the floor."""
    index = VectorIndex.objects.get(pk=proof.index_id)
    size = ann.sizes(index)
    proof.state, proof.finished_at, proof.reason = Measurement.DONE, timezone.now(), ""
    proof.ef_search, proof.recall = index.ef_search, round(findings.recall_at(index.ef_search), 4)
    proof.curve = [asdict(point) for point in findings.points]
    proof.exact_p50_ms, proof.exact_p95_ms = findings.exact_p50_ms, findings.exact_p95_ms
    proof.sources, proof.quality = dict(sources), dict(quality)
    proof.vectors = PassageVector.objects.filter(index=index).count()
    proof.table_bytes, proof.graph_bytes = size.table, size.graph
    with transaction.atomic():
        proof.save()
        apply_floor(index)


def apply_floor(index: VectorIndex) -> None:
    """Search `index` exactly if its graph finds too little and its admin wants that."""
    exactly = index.exact_below_floor and is_below_floor(index)
    VectorIndex.objects.filter(pk=index.pk).update(searches_exactly=exactly)
    index.searches_exactly = exactly


def is_below_floor(index: VectorIndex) -> bool:
    """Tell whether the newest certificate has less recall, at today's ef_search, than the index must have."""
    proof = index.certificate()
    if proof is None or not proof.curve:
        return False
    recall = proof.recall_at(index.ef_search)
    return recall is not None and recall < index.recall_floor


def fail(proof: Certificate, reason: str) -> None:
    Certificate.objects.filter(pk=proof.pk).update(state=Measurement.FAILED, reason=reason, finished_at=timezone.now())


def request_due() -> int:
    """Ask for the certificates that are due: never made, a week old, or of an index that has grown since."""
    complete = [VectorIndex.Status.LIVE, VectorIndex.Status.READY, VectorIndex.Status.STANDBY]
    due = [index for index in VectorIndex.objects.filter(status__in=complete) if ann.has_hnsw(index) and _is_due(index)]
    for index in due:
        request(index)
    return len(due)


def ask_again() -> None:
    """Ask anew for what no worker has begun or ended; the third start that does not end is given up."""
    now = timezone.now()
    stuck = Q(started_at__isnull=True, requested_at__lt=now - LOST_AFTER) | Q(started_at__lt=now - GIVEN_UP_AFTER)
    waiting = Certificate.objects.filter(stuck, state=Measurement.WAITING)
    waiting.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=Measurement.FAILED, reason=f"{MAX_ATTEMPTS} workers stopped while they measured", finished_at=now
    )
    for proof in waiting:
        Certificate.objects.filter(pk=proof.pk).update(started_at=None, requested_at=now)
        _send(proof)


def as_json(proof: Certificate) -> dict[str, Any]:
    return {
        "index": proof.index_id,
        "certified_at": proof.finished_at.isoformat() if proof.finished_at else None,
        "queries": proof.queries,
        "sources": proof.sources,
        "vectors": proof.vectors,
        "ef_search": proof.ef_search,
        "recall_at_10": proof.recall,
        "drift": proof.drift(),
        "curve": proof.curve,
        "exact_ms": {"p50": proof.exact_p50_ms, "p95": proof.exact_p95_ms},
        "table_bytes": proof.table_bytes,
        "graph_bytes": proof.graph_bytes,
        "ndcg_at_10": proof.quality,
    }


def _is_due(index: VectorIndex) -> bool:
    proof = index.certificate()
    newest = index.certificates.order_by("-pk").first()
    if newest and newest.state == Measurement.FAILED and newest.requested_at > timezone.now() - timedelta(hours=12):
        return False  # it would fail again
    if proof is None or proof.finished_at is None or proof.finished_at < timezone.now() - RECHECK_AFTER:
        return True
    return PassageVector.objects.filter(index=index).count() > GROWN * proof.vectors


def _send(proof: Certificate) -> None:
    try:
        jobs.request_certificate(certificate_id=proof.pk)
    except OperationalError:
        Certificate.objects.filter(pk=proof.pk).update(reason="the message broker is away; it will be asked again")


def _exactly(index: VectorIndex, queries: np.ndarray) -> tuple[list[set[int]], list[float]]:
    truth: list[set[int]] = []
    took: list[float] = []
    until = time.monotonic() + EXACT_BUDGET_S
    for vector in queries:
        if len(truth) >= FEWEST_QUERIES and time.monotonic() > until:
            break
        started = time.perf_counter()
        rows = PassageVector.objects.nearest_exactly(vector, index=index).values_list("passage_id", "distance")  # type: ignore[misc]
        truth.append({passage for passage, _ in rows[:K]})
        took.append((time.perf_counter() - started) * 1000)
    return truth, took


def _point(index: VectorIndex, queries: np.ndarray, truth: Sequence[set[int]], *, ef_search: int) -> Point:
    recalls: list[float] = []
    took: list[float] = []
    for vector, expected in zip(queries, truth, strict=True):
        started = time.perf_counter()
        with ann.scanning(ef_search=ef_search):
            rows = PassageVector.objects.nearest(vector, index=index).values_list("distance", "passage_id")  # type: ignore[misc]
            found = {passage for _, passage in sorted(rows[:DEPTH])[:K]}
        took.append((time.perf_counter() - started) * 1000)
        if expected:
            recalls.append(len(found & expected) / len(expected))
    recall = float(np.mean(recalls)) if recalls else 1.0
    return Point(ef_search, round(recall, 4), _percentile(took, 50), _percentile(took, 95))


def _percentile(values: Sequence[float], percent: int) -> float:
    return round(float(np.percentile(values, percent)), 2) if values else 0.0
