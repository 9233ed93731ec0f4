"""What the web asks of the ingest and maintenance workers, by name."""

import logging
from collections.abc import Iterable

from celery import current_app
from kombu.exceptions import OperationalError

from apps.indexing.jobs import MAINTENANCE_QUEUE
from apps.pages.queues import queue_length, workers_heard_from

log = logging.getLogger(__name__)

INGEST_ITEM = "ingestion.ingest_item"
REAP = "ingestion.reap"
CORRECT = "ingestion.correct"

INGEST_QUEUE = "ingest"


def request_ingest(item_ids: Iterable[int]) -> None:
    """Ask for each item to be read; asking for one that does not wait does no harm."""
    for item_id in item_ids:
        current_app.send_task(INGEST_ITEM, kwargs={"item_id": item_id}, queue=INGEST_QUEUE)


def request_corrections() -> None:
    """Ask for the corrections of many documents to go on; they wait safely in the database, and `beat` asks again."""
    try:
        current_app.send_task(CORRECT, queue=MAINTENANCE_QUEUE)
    except OperationalError as away:
        log.warning("The message broker is away; corrections wait: %s", away)


def messages_waiting() -> int:
    """Return how many messages no ingest worker has taken yet."""
    return queue_length(INGEST_QUEUE)


def somebody_listens(queue: str = INGEST_QUEUE) -> bool:
    """Say whether a worker that takes from `queue` was heard from within the last seconds."""
    return any(queue in worker.queues for worker in workers_heard_from())
