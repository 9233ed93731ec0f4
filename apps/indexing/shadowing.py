"""Searches of people, run on a candidate too: how alike its answers are and how quick, before it goes live."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import numpy as np
from django.db.models import F, QuerySet
from django.utils import timezone
from redis.exceptions import RedisError

from apps.indexing.measured import ShadowedSearch
from apps.indexing.models import VectorIndex
from apps.pages.queues import redis_connection

log = logging.getLogger(__name__)

K = 10
# The newest count: an index grows, and so does what people ask.
COMPARED = 500
KEPT = timedelta(days=30)
_SHARES = "dmsearch:shadowed"
# Told anew every half minute, with everything else that a flushed Redis forgets.
_PUBLISHED_S = 90


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    searches: int
    overlap: float  #: mean share of the first ten that are the same
    identical: int  #: searches of which all ten are
    live_p50_ms: float
    live_p95_ms: float
    candidate_p50_ms: float
    candidate_p95_ms: float
    encode_p50_ms: float


def compare(candidate: VectorIndex, live: VectorIndex) -> Comparison | None:
    """Sum up the newest shadowed searches; None while there are none."""
    rows = list(
        ShadowedSearch.objects.between(candidate, live)
        .order_by("-pk")
        .values_list("shared", "compared", "live_ms", "candidate_ms", "encode_ms")[:COMPARED]
    )
    if not rows:
        return None
    shared, compared, live_ms, candidate_ms, encode_ms = (np.array(column, float) for column in zip(*rows, strict=True))
    return Comparison(
        searches=len(rows),
        overlap=float(np.mean(shared / np.maximum(compared, 1))),
        identical=int(np.sum(shared == compared)),
        live_p50_ms=_percentile(live_ms, 50),
        live_p95_ms=_percentile(live_ms, 95),
        candidate_p50_ms=_percentile(candidate_ms, 50),
        candidate_p95_ms=_percentile(candidate_ms, 95),
        encode_p50_ms=_percentile(encode_ms, 50),
    )


def least_alike(candidate: VectorIndex, live: VectorIndex) -> QuerySet[ShadowedSearch]:
    """Return the shadowed searches that the two answer most differently, first."""
    share = F("shared") * 1.0 / F("compared")
    return ShadowedSearch.objects.between(candidate, live).filter(compared__gt=0).order_by(share, "-pk")


def publish() -> None:
    """Tell the web which indexes are shadowed, where it can look without asking the database."""
    shadowed = VectorIndex.objects.filter(shadow_share__gt=0).exclude(status=VectorIndex.Status.LIVE)
    shares = dict(shadowed.values_list("pk", "shadow_share"))
    try:
        redis_connection().set(_SHARES, json.dumps(shares), ex=_PUBLISHED_S)
    except RedisError as away:
        log.warning("Which indexes are shadowed was not told: %s", away)


def drawn() -> list[int]:
    """Return the indexes that this search is to be run on too."""
    known = cast("bytes | None", redis_connection().get(_SHARES))
    shares: dict[str, float] = json.loads(known) if known else {}
    return [int(pk) for pk, share in shares.items() if random.random() < share]  # noqa: S311 - a sample


def forget_old() -> None:
    """Delete what nobody compares any more."""
    ShadowedSearch.objects.filter(asked_at__lt=timezone.now() - KEPT).delete()


def _percentile(values: np.ndarray, percent: int) -> float:
    return round(float(np.percentile(values, percent)), 1)
