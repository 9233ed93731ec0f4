"""What the web asks of the embedding and maintenance workers, by name."""

from celery import current_app

EMBED_PENDING = "indexing.embed_pending"
TEND_INDEX = "indexing.tend_index"
TEND_ALL = "indexing.tend_all"
MEASURE_RATE = "indexing.measure_rate"
CERTIFY = "indexing.certify"
CERTIFY_DUE = "indexing.certify_due"

EMBED_QUEUE = "embed"
MAINTENANCE_QUEUE = "maintenance"


def request_embedding(*, index_id: int, expires: float | None = None) -> None:
    """Ask for the vectors that `index_id` still owes; asking too often does no harm."""
    current_app.send_task(EMBED_PENDING, kwargs={"index_id": index_id}, queue=EMBED_QUEUE, expires=expires)


def request_tending(*, index_id: int) -> None:
    """Ask for what follows a finished load: the HNSW graph, statistics, going live."""
    current_app.send_task(TEND_INDEX, kwargs={"index_id": index_id}, queue=MAINTENANCE_QUEUE)


def request_rate(*, rate_id: int) -> None:
    """Ask an embedding worker how quick it is with a model; the row `rate_id` takes the answer."""
    current_app.send_task(MEASURE_RATE, kwargs={"rate_id": rate_id}, queue=EMBED_QUEUE)


def request_certificate(*, certificate_id: int) -> None:
    """Ask an embedding worker, which has the model, to measure what an index finds."""
    current_app.send_task(CERTIFY, kwargs={"certificate_id": certificate_id}, queue=EMBED_QUEUE)
