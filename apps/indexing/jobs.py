"""What the web asks of the embedding and maintenance workers, by name."""

from celery import current_app

EMBED_PENDING = "indexing.embed_pending"
TEND_INDEX = "indexing.tend_index"
TEND_ALL = "indexing.tend_all"

EMBED_QUEUE = "embed"
MAINTENANCE_QUEUE = "maintenance"


def request_embedding(*, index_id: int, expires: float | None = None) -> None:
    """Ask for the vectors that `index_id` still owes; asking too often does no harm."""
    current_app.send_task(EMBED_PENDING, kwargs={"index_id": index_id}, queue=EMBED_QUEUE, expires=expires)


def request_tending(*, index_id: int) -> None:
    """Ask for what follows a finished load: the HNSW graph, statistics, going live."""
    current_app.send_task(TEND_INDEX, kwargs={"index_id": index_id}, queue=MAINTENANCE_QUEUE)
