"""Whether anybody works on what a person waits for."""

from __future__ import annotations

from enum import StrEnum

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.indexing.jobs import EMBED_QUEUE, MAINTENANCE_QUEUE
from apps.indexing.models import VectorIndex
from apps.ingestion.jobs import INGEST_QUEUE, somebody_listens
from apps.ingestion.progress import Progress


class Missing(StrEnum):
    """What is not there; the work goes on by itself when it is."""

    NOBODY = ""
    BROKER = "broker"
    READER = INGEST_QUEUE
    EMBEDDER = EMBED_QUEUE
    INDEX = "index"
    TENDER = MAINTENANCE_QUEUE


def missing(seen: Progress) -> Missing:
    if not seen.is_running:
        return Missing.NOBODY
    needed = Missing.READER if seen.is_reading else Missing.EMBEDDER
    if needed is Missing.EMBEDDER and VectorIndex.objects.live() is None:
        return Missing.INDEX
    return _unless_there(needed)


def missing_for_corrections() -> Missing:
    return _unless_there(Missing.TENDER)


def _unless_there(needed: Missing) -> Missing:
    try:
        return Missing.NOBODY if somebody_listens(needed) else needed
    except (RedisError, OperationalError):
        return Missing.BROKER
