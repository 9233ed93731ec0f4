"""What the web asks of the query workers, by name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

from apps.indexing.jobs import MAINTENANCE_QUEUE
from apps.indexing.models import VectorIndex

log = logging.getLogger(__name__)

ENCODE_QUERY = "search.encode_query"
ENCODE_SENTENCES = "search.encode_sentences"
ANSWER_LISTS = "search.answer_lists"
LEARN_WORDS = "search.learn_words"
SHADOW = "search.shadow"
QUERY_QUEUE = "query"
LISTS_QUEUE = "lists"


def request_query_vector(*, index: VectorIndex, text: str, reply: str, expires: float) -> None:
    """Ask for the vector of `text` (prompt included), to be pushed onto the Redis list `reply`."""
    _ask_for_vectors(ENCODE_QUERY, index, {"text": text, "reply": reply}, expires=expires)


def request_sentence_vectors(*, index: VectorIndex, texts: Sequence[str], reply: str, expires: float) -> None:
    """Ask for the vectors of `texts` in one piece, to be pushed onto the Redis list `reply`."""
    _ask_for_vectors(ENCODE_SENTENCES, index, {"texts": list(texts), "reply": reply}, expires=expires)


def _ask_for_vectors(task: str, index: VectorIndex, wanted: dict[str, Any], *, expires: float) -> None:
    model = {"retriever": index.retriever, "revision": index.revision, "checkpoint": index.checkpoint}
    current_app.send_task(task, kwargs={**model, **wanted}, queue=QUERY_QUEUE, expires=expires, retry=False)


def request_answers() -> None:
    """Ask for waiting queries of lists to be answered; asking when none waits does no harm.

    They wait safely in the database: with the broker away, `beat` asks again within half a minute of its return.
    """
    try:
        current_app.send_task(ANSWER_LISTS, queue=LISTS_QUEUE)
    except OperationalError as away:
        log.warning("The message broker is away; queries of lists wait: %s", away)


def request_shadow(*, index_id: int, search: dict[str, Any], expires: float) -> None:
    """Ask that a search be run on the index `index_id` too; when nobody has time for it, it is let go."""
    kwargs = {"index_id": index_id, "search": search}
    current_app.send_task(SHADOW, kwargs=kwargs, queue=MAINTENANCE_QUEUE, expires=expires, retry=False)
