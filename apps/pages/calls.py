"""A call through each queue, answered by whoever takes it: proof that messages come through, end to end.

A worker's heartbeat says that its process lives; only a message that went all the way says that it works.
"""

from __future__ import annotations

import time

from celery import current_app

from apps.pages.queues import answered_key, called_key, redis_connection

CALL = "pages.call"
ANSWER = "pages.answer"

# A queue that was called and gave no answer is called again after this; messages never pile up.
AGAIN_AFTER_S = 600
_KEPT_S = 24 * 3600


def call(queue: str) -> None:
    """Send a call through `queue`, unless one is on its way."""
    if redis_connection().set(called_key(queue), time.time(), nx=True, ex=AGAIN_AFTER_S):
        current_app.send_task(ANSWER, kwargs={"queue": queue}, queue=queue)


def answer(queue: str) -> None:
    """Note that a call came through."""
    with redis_connection().pipeline() as pipe:
        pipe.set(answered_key(queue), time.time(), ex=_KEPT_S)
        pipe.delete(called_key(queue))
        pipe.execute()
