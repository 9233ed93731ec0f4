"""What the web asks of the query worker, by name."""

from celery import current_app

ENCODE_QUERY = "search.encode_query"
QUERY_QUEUE = "query"


def request_query_vector(*, retriever: str, revision: str, text: str, reply: str, expires: float) -> None:
    """Ask for the vector of `text` (prompt included), to be pushed onto the Redis list `reply`."""
    current_app.send_task(
        ENCODE_QUERY,
        kwargs={"retriever": retriever, "revision": revision, "text": text, "reply": reply},
        queue=QUERY_QUEUE,
        expires=expires,
        retry=False,
    )
