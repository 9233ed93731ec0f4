"""Which models each query worker holds: before a switch, all of them load the new one."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from typing import cast

from apps.indexing.models import VectorIndex
from apps.pages.queues import Heartbeat, redis_connection, workers_heard_from
from apps.search.jobs import QUERY_QUEUE

_WANTED = "dmsearch:model-wanted"
_WANTED_S = 120
# Told every second; while a worker loads a model it tells nothing.
_TOLD_S = 10
_LOOK_EVERY_S = 0.1


def model_of(index: VectorIndex) -> str:
    return f"{index.retriever}@{index.revision}"


def query_workers() -> list[Heartbeat]:
    return [worker for worker in workers_heard_from() if QUERY_QUEUE in worker.queues]


def ask_for(index: VectorIndex) -> None:
    """Let every query worker load the model of `index` beside the live one's."""
    redis_connection().set(_WANTED, index.pk, ex=_WANTED_S)


def asked_for() -> int | None:
    """Return the index whose model is to be loaded."""
    wanted = cast("bytes | None", redis_connection().get(_WANTED))
    return int(wanted) if wanted else None


def tell(models: Collection[str], *, host: str, pid: int) -> None:
    """Note what a query worker holds; forgotten when it tells no more."""
    redis_connection().set(_key(host, pid), json.dumps(sorted(models)), ex=_TOLD_S)


def lacking(index: VectorIndex) -> list[Heartbeat]:
    """Return the query workers that do not hold the model of `index`."""
    workers = query_workers()
    told = redis_connection().mget([_key(each.host, each.pid) for each in workers]) if workers else []
    held: Sequence[list[str]] = [json.loads(models) if models else [] for models in told]
    return [worker for worker, models in zip(workers, held, strict=True) if model_of(index) not in models]


def wait_for_all(index: VectorIndex, *, patience_s: float) -> list[Heartbeat]:
    """Wait until every query worker holds the model of `index`; return those that do not in time."""
    until = time.monotonic() + patience_s
    while (late := lacking(index)) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_S)
    return late


def _key(host: str, pid: int) -> str:
    return f"dmsearch:models:{host}:{pid}"
