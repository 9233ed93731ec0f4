"""All metrics of the product in Prometheus' text: what web processes counted, and what servers and tables say now."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Min
from django.db.models.functions import Greatest
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from apps.corpora.models import Document
from apps.indexing import jobs as indexing
from apps.indexing.models import Certificate, PendingVector, VectorIndex
from apps.ingestion import exercise
from apps.ingestion import jobs as ingestion
from apps.ingestion.models import JobItem
from apps.operations.models import Backup
from apps.pages import health, queues
from apps.pages.outages import outage
from apps.search import jobs as search

log = logging.getLogger(__name__)

QUEUES = (
    ingestion.INGEST_QUEUE,
    indexing.EMBED_QUEUE,
    indexing.MAINTENANCE_QUEUE,
    search.QUERY_QUEUE,
    search.LISTS_QUEUE,
)
_STATES = {health.State.OK: 0, health.State.WARN: 1, health.State.FAIL: 2}


def exposition() -> bytes:
    """Return everything as text; a server that is away leaves its metrics out and shows in `dmsearch_up`."""
    registry = CollectorRegistry()
    registry.register(_Now())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(registry) + generate_latest(REGISTRY)


class _Now(Collector):
    """Asks the servers when Prometheus asks us."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("dmsearch_up", "Whether the server answered this scrape.", labels=["server"])
        for server, sources in {
            "broker": (_queues, _workers),
            "database": (_ages, _written, _indexes, _recall, _certified, _backup),
        }.items():
            metrics = _unless_away(sources)
            up.add_metric([server], float(metrics is not None))
            yield from metrics or ()
        yield up
        yield _checks()


def _unless_away(sources: tuple[Callable[[], Metric], ...]) -> list[Metric] | None:
    try:
        return [source() for source in sources]
    except Exception as failure:
        if outage(failure) is None:
            raise
        log.warning("Metrics left out: %s", failure)
        return None


def _queues() -> Metric:
    waiting = GaugeMetricFamily("dmsearch_queue_messages", "Messages that no worker has taken.", labels=["queue"])
    for queue in QUEUES:
        waiting.add_metric([queue], queues.queue_length(queue))
    return waiting


def _workers() -> Metric:
    seen = GaugeMetricFamily("dmsearch_workers", "Worker processes heard from lately.", labels=["queue"])
    beats = queues.workers_heard_from()
    for queue in QUEUES:
        seen.add_metric([queue], sum(queue in beat.queues for beat in beats))
    return seen


def _ages() -> Metric:
    """Tell by rows, not by messages: a lost message leaves its row waiting."""
    age = GaugeMetricFamily("dmsearch_queue_oldest_seconds", "Age of the oldest item that waits.", labels=["queue"])
    files = JobItem.objects.waiting().aggregate(oldest=Min("waiting_since"))["oldest"]
    age.add_metric([ingestion.INGEST_QUEUE], _seconds_since(files))
    owed = PendingVector.objects.filter(index__in=VectorIndex.objects.growing(), reason="").order_by("pk")
    # A new index owes passages that came years before it.
    since = Greatest("passage__document__created_at", "index__created_at")
    age.add_metric([indexing.EMBED_QUEUE], _seconds_since(owed.values_list(since, flat=True).first()))
    return age


def _seconds_since(moment: datetime | None) -> float:
    return max(0.0, (timezone.now() - moment).total_seconds()) if moment else 0.0


# Kept by PostgreSQL as rows are written: no table is counted.
_WRITTEN = """
SELECT CASE WHEN relname LIKE 'indexing_passagevector%' THEN 'vectors' ELSE replace(relname, 'corpora_', '') || 's' END,
       sum(n_tup_ins)
FROM pg_stat_user_tables
WHERE relname IN ('corpora_document', 'corpora_passage') OR relname LIKE 'indexing_passagevector%'
GROUP BY 1
"""


def _written() -> Metric:
    rows = CounterMetricFamily("dmsearch_rows_written", "Rows written since the statistics began.", labels=["rows"])
    with connection.cursor() as cursor:
        cursor.execute(_WRITTEN)
        for name, count in cursor.fetchall():
            rows.add_metric([name], float(count))
    return rows


def _indexes() -> Metric:
    owed = GaugeMetricFamily(
        "dmsearch_index_pending_passages", "Passages without a vector yet.", labels=["index", "retriever", "status"]
    )
    for index in VectorIndex.objects.growing():
        owed.add_metric(
            [str(index.pk), index.retriever, index.status], PendingVector.objects.filter(index=index).count()
        )
    return owed


def _recall() -> Metric:
    found = GaugeMetricFamily(
        "dmsearch_index_recall",
        "Recall@10 of the last certificate, at today's ef_search.",
        labels=["index", "retriever"],
    )
    for index, proof in _certificates():
        recall = proof.recall_at(index.ef_search) if proof.curve else proof.recall
        if recall is not None:
            found.add_metric([str(index.pk), index.retriever], recall)
    return found


def _certified() -> Metric:
    made = GaugeMetricFamily(
        "dmsearch_index_certificate_age_seconds", "Age of the last certificate.", labels=["index", "retriever"]
    )
    for index, proof in _certificates():
        made.add_metric([str(index.pk), index.retriever], _seconds_since(proof.finished_at))
    return made


def _certificates() -> Iterator[tuple[VectorIndex, Certificate]]:
    """Yield the indexes that are kept up and were certified, each with its last certificate."""
    for index in VectorIndex.objects.growing():
        if proof := index.certificate():
            yield index, proof


def _backup() -> Metric:
    made = GaugeMetricFamily("dmsearch_last_backup_timestamp_seconds", "When the last backup was made; 0 for never.")
    last = Backup.objects.first()
    made.add_metric([], last.made_at.timestamp() if last else 0.0)
    return made


def _checks() -> Metric:
    states = GaugeMetricFamily("dmsearch_check", "The status page: 0 all well, 1 warning, 2 failed.", labels=["check"])
    for result in health.run_checks():
        states.add_metric([result.check.name], _STATES[result.finding.state])
    return states


def documents_of_people() -> bool:
    """Tell whether anybody has put in documents, the exercise left aside."""
    of_exercise = [shelf.slug for shelf in exercise.SHELVES]
    return Document.objects.exclude(corpus__slug__in=of_exercise).exists()
