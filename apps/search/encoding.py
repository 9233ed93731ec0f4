"""A query's vector: from the cache, or from the query worker within a bounded time."""

from __future__ import annotations

import hashlib
import uuid
from functools import cache
from typing import cast

import numpy as np
import redis
from django.conf import settings
from kombu.exceptions import OperationalError

from apps.indexing.models import VectorIndex
from apps.retrievers.intents import Intent
from apps.search import jobs

CACHE_S = 24 * 3600


class EncoderUnavailable(Exception):
    """No vector came within the time allowed; the message says why."""


@cache
def connection() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=settings.QUERY_TIMEOUT_S + 1
    )


def encode_query(query: str, intent: Intent, *, index: VectorIndex) -> np.ndarray:
    """Return the unit-length vector of `query`, float32 of shape (index.dim,), or raise EncoderUnavailable."""
    text = index.card.query_text(query, intent)
    key = cache_key(index, text)
    try:
        known = cast("bytes | None", connection().get(key))
        if known is None:
            known = _ask(index, text)
            _keep(key, known)
    except (redis.RedisError, OperationalError) as failure:
        raise EncoderUnavailable("the message broker does not answer") from failure
    vector = np.frombuffer(known, dtype="<f4")
    if vector.shape != (index.dim,):
        raise EncoderUnavailable(f"the encoder answered {vector.shape} instead of {index.dim} dims")
    return vector


def remember(text: str, vector: np.ndarray, *, index: VectorIndex) -> None:
    """Keep a vector computed elsewhere, so that no worker need be asked; `text` carries its prompt.

    vector: unit length, of shape (index.dim,).
    """
    _keep(cache_key(index, text), np.asarray(vector, dtype="<f4").tobytes())


def _keep(key: str, vector: bytes) -> None:
    connection().set(key, vector, ex=CACHE_S)


def cache_key(index: VectorIndex, text: str) -> str:
    """The text carries its instruction, so intents with different instructions never share a vector."""
    digest = hashlib.sha256(f"{index.retriever}\0{index.revision}\0{text}".encode()).hexdigest()
    return f"dmsearch:vector:{digest}"


def _ask(index: VectorIndex, text: str) -> bytes:
    reply = f"dmsearch:reply:{uuid.uuid4().hex}"
    timeout = settings.QUERY_TIMEOUT_S
    jobs.request_query_vector(
        retriever=index.retriever, revision=index.revision, text=text, reply=reply, expires=timeout
    )
    popped = connection().blpop([reply], timeout=timeout)
    if popped is None:
        raise EncoderUnavailable(f"the encoder did not answer in {timeout:g} s")
    return cast("bytes", popped[1])
