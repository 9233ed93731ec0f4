"""The query worker: one vector a search, several searches a forward pass."""

import threading
from functools import cache

import numpy as np
import redis
from celery import shared_task
from celery.signals import worker_ready
from celery.utils.log import get_task_logger
from celery.worker.consumer import Consumer
from django.conf import settings
from django.db import DatabaseError

from apps.indexing.models import VectorIndex
from apps.retrievers.family import get_card
from apps.search import jobs
from workers.encoders import get_encoder
from workers.encoders.microbatch import MicroBatcher

log = get_task_logger(__name__)

REPLY_S = 10  # nobody waits longer; the list goes away by itself

_loading = threading.Lock()
_batchers: dict[str, MicroBatcher] = {}


def batcher(retriever: str) -> MicroBatcher:
    """Return the batcher of `retriever`, loaded once however many threads ask at the start."""
    with _loading:
        if retriever not in _batchers:
            _batchers[retriever] = MicroBatcher(
                get_encoder(
                    get_card(retriever),
                    device=settings.ENCODER_DEVICE,
                    backend=settings.ENCODER_BACKEND,
                    folder=settings.RETRIEVER_FOLDER,
                    workload="queries",
                )
            )
        return _batchers[retriever]


@cache
def replies() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


@shared_task(name=jobs.ENCODE_QUERY, acks_late=False)
def encode_query(*, retriever: str, revision: str, text: str, reply: str, **_: object) -> None:
    """Push the vector of `text` onto the list `reply`; its asker has gone on by itself if this is late."""
    encoder = batcher(retriever)
    if encoder.revision != revision:
        log.error("The live index needs %s at %s; this worker has %s", retriever, revision, encoder.revision)
        return
    vector = encoder.encode_one(text)
    with replies().pipeline() as pipe:
        pipe.rpush(reply, np.ascontiguousarray(vector, dtype="<f4").tobytes())
        pipe.expire(reply, REPLY_S)
        pipe.execute()


@worker_ready.connect
def warm_up(sender: Consumer, **_: object) -> None:
    """Load the live index's model at the start of a query worker: the first search should not wait for it."""
    if jobs.QUERY_QUEUE in sender.app.amqp.queues.consume_from:
        threading.Thread(target=_load_live_model, name="warm-up", daemon=True).start()


def _load_live_model() -> None:
    try:
        index = VectorIndex.objects.live()
    except DatabaseError as failure:
        log.warning("Not warmed up, the first search will wait: %s", failure)
        return
    if index is not None:
        batcher(index.retriever).encode_one("warm up")
        log.info("%s answers queries", index.retriever)
