"""What waits in the broker, and which workers were heard from: how the web knows that work is done.

A worker process beats every few seconds (`workers.heartbeat`); the key of one that died goes away by itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, cast

import redis
from celery import current_app
from django.conf import settings

from apps.pages.health import Check, Finding, State, fail, ok, warn

BEAT_EVERY_S = 5
FORGOTTEN_AFTER_S = 4 * BEAT_EVERY_S
# An idle worker takes a waiting message at once; one that has not for this long has lost its queue.
STUCK_AFTER_S = 30

# A call through a queue whose workers are idle is answered in milliseconds.
SILENT_AFTER_S = 60
# Busy ones answer between two tasks, and none takes longer than a minute or two. A file may: not so those that read.
HANGING_AFTER_S = 300

#: The queues that have a check.
watched: set[str] = set()

_WORKERS = "dmsearch:workers"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """What a worker process tells of itself."""

    host: str
    pid: int
    queues: tuple[str, ...]
    #: Tasks in hand.
    busy: int
    #: Seconds since it last took a message, or since it started.
    quiet_s: float

    @property
    def key(self) -> str:
        return f"dmsearch:worker:{self.host}:{self.pid}"


@cache
def redis_connection() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=5)


def beat(heartbeat: Heartbeat) -> None:
    """Tell the web that this worker lives."""
    with redis_connection().pipeline() as pipe:
        pipe.set(heartbeat.key, json.dumps(asdict(heartbeat)), ex=FORGOTTEN_AFTER_S)
        pipe.sadd(_WORKERS, heartbeat.key)
        pipe.execute()


def say_goodbye(heartbeat: Heartbeat) -> None:
    """Tell that this worker ends on purpose, so that nobody waits for it to be missed."""
    redis_connection().delete(heartbeat.key)


def workers_heard_from() -> list[Heartbeat]:
    """Return the workers that beat within the last seconds, and strike off the others."""
    connection = redis_connection()
    keys = sorted(connection.smembers(_WORKERS))
    beats = dict(zip(keys, connection.mget(keys) if keys else [], strict=True))
    if silent := [key for key, value in beats.items() if value is None]:
        connection.srem(_WORKERS, *silent)
    known = [json.loads(value) for value in beats.values() if value is not None]
    return [Heartbeat(**{**fields, "queues": tuple(fields["queues"])}) for fields in known]


def queue_length(queue: str) -> int:
    """Return how many messages wait; those that a worker has in hand are not counted."""
    with current_app.connection_for_read() as connection:
        channel: Any = connection.default_channel  # of the Redis transport: it has a client
        return int(channel.client.llen(queue))


def queue_check(queue: str, *, label: str, without: str, order: int, has_long_tasks: bool = False) -> Check:
    """Make the check of a queue: who takes from it, what waits, and `without` that, what people notice."""
    watched.add(queue)
    run = _runner(queue, without, has_long_tasks=has_long_tasks)
    return Check(name=f"queue_{queue}", label=label, run=run, order=order, needs=("broker",))


def _runner(queue: str, without: str, *, has_long_tasks: bool) -> Callable[[], Finding]:
    def run() -> Finding:
        workers = [worker for worker in workers_heard_from() if queue in worker.queues]
        finding = judge_queue(workers, waiting=queue_length(queue), queue=queue, without=without)
        return _with_calls(finding, queue, has_long_tasks=has_long_tasks)

    return run


def _with_calls(finding: Finding, queue: str, *, has_long_tasks: bool) -> Finding:
    """Add when a call through the queue was answered last, and fail when idle or hanging workers leave one unanswered."""
    silent, ago = silent_for(queue), answered_ago(queue)
    facts = {**finding.facts, "answered_s_ago": None if ago is None else round(ago)}
    if finding.state is State.OK and silent and silent > SILENT_AFTER_S and not finding.facts["busy"]:
        return fail(f"a call through the queue has had no answer for {silent:.0f} s", "Restart its workers.", **facts)
    if finding.state is State.OK and silent and (ago or silent) > HANGING_AFTER_S and not has_long_tasks:
        what = f"its workers are busy, and a call has had no answer for {ago or silent:.0f} s"
        return warn(what, "If their logs tell of no work, restart them: what they hold goes to others.", **facts)
    answered = "" if ago is None else f"; a call was answered {ago:.0f} s ago"
    return replace(finding, summary=finding.summary + answered, facts=facts)


def judge_queue(workers: list[Heartbeat], *, waiting: int, queue: str, without: str) -> Finding:
    busy = sum(worker.busy > 0 for worker in workers)
    facts = {"workers": len(workers), "busy": busy, "waiting": waiting}
    start = f"`make run` starts one; by itself: `celery -A workers.app worker -Q {queue} --pool=solo`."
    if not workers:
        return fail(f"no worker was heard from: {without}", start, **facts)
    if waiting and not busy and all(worker.quiet_s > STUCK_AFTER_S for worker in workers):
        names = ", ".join(f"{worker.pid} on {worker.host}" for worker in workers)
        return fail(f"{waiting:,} waiting, and nobody takes them", f"Restart the worker: process {names}.", **facts)
    count = "1 worker" if len(workers) == 1 else f"{len(workers)} workers"
    return ok(f"{count}, {busy or 'none'} busy; {waiting or 'nothing'} waiting", **facts)


def called_key(queue: str) -> str:
    """Name the key that holds since when a call through `queue` is on its way."""
    return f"dmsearch:called:{queue}"


def answered_key(queue: str) -> str:
    """Name the key that holds when a call through `queue` was answered last."""
    return f"dmsearch:answered:{queue}"


def silent_for(queue: str) -> float | None:
    """Return for how many seconds a call has had no answer; None when none is on its way."""
    return _seconds_since(called_key(queue))


def answered_ago(queue: str) -> float | None:
    """Return how many seconds ago the last call was answered; None when none was."""
    return _seconds_since(answered_key(queue))


def _seconds_since(key: str) -> float | None:
    moment = cast("bytes | None", redis_connection().get(key))
    return None if moment is None else max(0.0, time.time() - float(moment))
