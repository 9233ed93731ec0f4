"""A query's vector: from the cache, or from the query worker within a bounded time."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from functools import cache
from typing import cast

import numpy as np
import redis
from django.conf import settings
from kombu.exceptions import OperationalError

from apps.indexing.models import VectorIndex
from apps.retrievers.card import RetrieverCard
from apps.retrievers.family import UnknownRetriever
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


@cache
def _patient_connection(timeout: float) -> redis.Redis:
    """Return a connection on which one may wait for an answer so long."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=timeout + 1)


def card_of(index: VectorIndex) -> RetrieverCard:
    """Return the card of the model that encodes for `index`, or raise EncoderUnavailable."""
    try:
        return index.card
    except UnknownRetriever as lost:
        raise EncoderUnavailable(f"the files of {index.retriever} are gone") from lost


def encode_query(query: str, intent: Intent, *, index: VectorIndex, timeout: float | None = None) -> np.ndarray:
    """Return the unit-length vector of `query`, float32 of shape (index.dim,), or raise EncoderUnavailable.

    timeout: in seconds; None is as long as a search waits.
    """
    text = card_of(index).query_text(query, intent)
    key = cache_key(index, text)
    try:
        known = cast("bytes | None", connection().get(key))
        if known is None:
            known = _ask(index, text, timeout=timeout or settings.QUERY_TIMEOUT_S)
            _keep(key, known)
    except (redis.RedisError, OperationalError) as failure:
        raise EncoderUnavailable("the message broker does not answer") from failure
    vector = np.frombuffer(known, dtype="<f4")
    if vector.shape != (index.dim,):
        raise EncoderUnavailable(f"the encoder answered {vector.shape} instead of {index.dim} dims")
    return vector


def encode_sentences(texts: Sequence[str], *, index: VectorIndex, timeout: float) -> np.ndarray:
    """Return the vectors of `texts` as passages, float32 of shape (len(texts), index.dim), or raise EncoderUnavailable.

    Those known are taken from the cache: the same sentences come up in many searches.
    """
    card = card_of(index)
    told = [card.passage_text(text) for text in texts]
    keys = [cache_key(index, text) for text in told]
    try:
        known = dict(zip(keys, cast("list[bytes | None]", connection().mget(keys)), strict=True))
        missing = {key: text for key, text in zip(keys, told, strict=True) if known[key] is None}
        if missing:
            known.update(zip(missing, _ask_for_several(index, list(missing.values()), timeout=timeout), strict=True))
            with connection().pipeline() as pipe:
                for key in missing:
                    pipe.set(key, cast("bytes", known[key]), ex=CACHE_S)
                pipe.execute()
    except (redis.RedisError, OperationalError) as failure:
        raise EncoderUnavailable("the message broker does not answer") from failure
    return np.frombuffer(b"".join(cast("bytes", known[key]) for key in keys), dtype="<f4").reshape(len(keys), index.dim)


def _ask_for_several(index: VectorIndex, texts: Sequence[str], *, timeout: float) -> list[bytes]:
    reply = f"dmsearch:reply:{uuid.uuid4().hex}"
    jobs.request_sentence_vectors(index=index, texts=texts, reply=reply, expires=timeout)
    vectors = _await(reply, timeout=timeout)
    size = 4 * index.dim
    if len(vectors) != size * len(texts):
        raise EncoderUnavailable(f"the encoder answered {len(vectors)} bytes for {len(texts)} sentences")
    return [vectors[start : start + size] for start in range(0, len(vectors), size)]


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


def _ask(index: VectorIndex, text: str, *, timeout: float) -> bytes:
    reply = f"dmsearch:reply:{uuid.uuid4().hex}"
    jobs.request_query_vector(index=index, text=text, reply=reply, expires=timeout)
    return _await(reply, timeout=timeout)


def _await(reply: str, *, timeout: float) -> bytes:
    popped = _patient_connection(timeout).blpop([reply], timeout=timeout)
    if popped is None:
        raise EncoderUnavailable(f"the encoder did not answer in {timeout:g} s")
    return cast("bytes", popped[1])
