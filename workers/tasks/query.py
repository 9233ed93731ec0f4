"""The query worker: one vector a search, several searches a forward pass."""

import threading
from collections import OrderedDict
from functools import cache
from pathlib import Path

import numpy as np
import redis
from celery import shared_task
from celery.utils.log import get_task_logger
from django.conf import settings

from apps.retrievers.naming import card_called
from apps.search import jobs
from workers.encoders import get_encoder
from workers.encoders.microbatch import MicroBatcher

log = get_task_logger(__name__)

REPLY_S = 10  # nobody waits longer; the list goes away by itself

# That of the live index, and that of a candidate or of the index to go back to: memory holds no more.
MODELS = 2

_Model = tuple[str, str]  # retriever, checkpoint

_loading = threading.Lock()  # one at a time
_holding = threading.Lock()  # never for long: searches wait for it
_batchers: OrderedDict[_Model, MicroBatcher] = OrderedDict()
_kept: set[_Model] = set()


def batcher(retriever: str, checkpoint: str = "") -> MicroBatcher:
    """Return the batcher of a model, loaded once however many threads ask at the start.

    One that is not among the last `MODELS` asked for is let go, but never that which is kept.
    """
    model = (retriever, checkpoint)
    if held := _held(model):
        return held
    with _loading:
        return _held(model) or _load(model)


def keep(retriever: str, checkpoint: str) -> None:
    """Let go of any other model before this one."""
    with _holding:
        _kept.clear()
        _kept.add((retriever, checkpoint))


def models_held() -> set[str]:
    """Name the models in memory, as `readiness.model_of` does."""
    with _holding:
        return {f"{retriever}@{held.revision}" for (retriever, _), held in _batchers.items()}


def has_room() -> bool:
    return len(_batchers) < MODELS


@cache
def replies() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


@shared_task(name=jobs.ENCODE_QUERY, acks_late=False)
def encode_query(*, retriever: str, revision: str, text: str, reply: str, checkpoint: str = "", **_: object) -> None:
    """Push the vector of `text` onto the list `reply`; its asker has gone on by itself if this is late."""
    encoder = batcher(retriever, checkpoint)
    if encoder.revision != revision:
        log.error("An index needs %s at %s; this worker has %s", retriever, revision, encoder.revision)
        return
    _answer(reply, encoder.encode_one(text))


@shared_task(name=jobs.ENCODE_SENTENCES, acks_late=False)
def encode_sentences(
    *, retriever: str, revision: str, texts: list[str], reply: str, checkpoint: str = "", **_: object
) -> None:
    """Push the vectors of `texts`, one after the other, onto the list `reply`."""
    encoder = batcher(retriever, checkpoint)
    if encoder.revision != revision:
        log.error("An index needs %s at %s; this worker has %s", retriever, revision, encoder.revision)
        return
    _answer(reply, encoder.encode_several(texts))


def _held(model: _Model) -> MicroBatcher | None:
    with _holding:
        if model in _batchers:
            _batchers.move_to_end(model)
        return _batchers.get(model)


def _load(model: _Model) -> MicroBatcher:
    retriever, checkpoint = model
    card = card_called(retriever, Path(checkpoint) if checkpoint else None)
    with _holding:
        while len(_batchers) >= MODELS:
            _batchers.pop(next(held for held in _batchers if held not in _kept)).close()
    # Not from its cache, which would keep what is let go here.
    encoder = get_encoder.__wrapped__(
        card,
        device=settings.ENCODER_DEVICE,
        backend=settings.ENCODER_BACKEND,
        folder=Path(checkpoint) if checkpoint else settings.RETRIEVER_FOLDER,
        workload="queries",
    )
    with _holding:
        _batchers[model] = MicroBatcher(encoder)
        return _batchers[model]


def _answer(reply: str, vectors: np.ndarray) -> None:
    with replies().pipeline() as pipe:
        pipe.rpush(reply, np.ascontiguousarray(vectors, dtype="<f4").tobytes())
        pipe.expire(reply, REPLY_S)
        pipe.execute()
