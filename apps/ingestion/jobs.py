"""What the web asks of the ingest workers, by name."""

from collections.abc import Iterable

from celery import current_app

from apps.pages.queues import queue_length, workers_heard_from

INGEST_ITEM = "ingestion.ingest_item"
REAP = "ingestion.reap"

INGEST_QUEUE = "ingest"


def request_ingest(item_ids: Iterable[int]) -> None:
    """Ask for each item to be read; asking for one that does not wait does no harm."""
    for item_id in item_ids:
        current_app.send_task(INGEST_ITEM, kwargs={"item_id": item_id}, queue=INGEST_QUEUE)


def queue_is_empty() -> bool:
    """Say whether no message waits for an ingest worker: none was sent, all were taken, or they were lost."""
    return queue_length(INGEST_QUEUE) == 0


def somebody_listens(queue: str = INGEST_QUEUE) -> bool:
    """Say whether a worker that takes from `queue` was heard from within the last seconds."""
    return any(queue in worker.queues for worker in workers_heard_from())
