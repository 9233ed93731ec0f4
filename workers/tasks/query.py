"""The query worker: one vector a search, several searches a forward pass."""

from functools import cache

import numpy as np
import redis
from celery import shared_task
from celery.utils.log import get_task_logger
from django.conf import settings

from apps.retrievers.family import get_card
from apps.search import jobs
from workers.encoders import get_encoder
from workers.encoders.microbatch import MicroBatcher

log = get_task_logger(__name__)

REPLY_S = 10  # nobody waits longer; the list goes away by itself


@cache
def batcher(retriever: str) -> MicroBatcher:
    encoder = get_encoder(
        get_card(retriever),
        device=settings.ENCODER_DEVICE,
        backend=settings.ENCODER_BACKEND,
        folder=settings.RETRIEVER_FOLDER,
    )
    return MicroBatcher(encoder)


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
