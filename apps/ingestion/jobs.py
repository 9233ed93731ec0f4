"""What the web asks of the ingest workers, by name."""

from collections.abc import Iterable

from celery import current_app

INGEST_ITEM = "ingestion.ingest_item"
REAP = "ingestion.reap"

INGEST_QUEUE = "ingest"


def request_ingest(item_ids: Iterable[int]) -> None:
    """Ask for each item to be read; asking for one that does not wait does no harm."""
    for item_id in item_ids:
        current_app.send_task(INGEST_ITEM, kwargs={"item_id": item_id}, queue=INGEST_QUEUE)


def queue_is_empty() -> bool:
    """Say whether no message waits for an ingest worker: none was sent, all were taken, or they were lost."""
    with current_app.connection_for_read() as connection, connection.channel() as channel:
        try:
            declared = channel.queue_declare(queue=INGEST_QUEUE, passive=True)  # type: ignore[attr-defined]
            return bool(declared.message_count == 0)
        except connection.channel_errors:  # no such queue: nothing was ever sent, or the broker was flushed
            return True


def somebody_listens(queue: str = INGEST_QUEUE, *, timeout: float = 1.0) -> bool:
    """Ask the workers that are up whether one of them takes from `queue`."""
    answers = current_app.control.inspect(timeout=timeout).active_queues() or {}
    return any(taken["name"] == queue for queues in answers.values() for taken in queues)
