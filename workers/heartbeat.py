"""Every few seconds a worker process says that it lives, what it takes and whether it is busy.

Asking workers (`celery inspect ping`) takes a second and gets no answer from a solo worker in mid-task;
a thread of the worker's own tells without being asked.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

from celery import signals
from celery.utils.log import get_task_logger
from celery.worker import state
from redis.exceptions import RedisError

from apps.pages.queues import BEAT_EVERY_S, Heartbeat, beat, say_goodbye

log = get_task_logger(__name__)


class Heart(threading.Thread):
    """Beats for this process until it is stopped; a daemon, so that it never outlives the worker."""

    def __init__(self, queues: tuple[str, ...]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.queues = queues
        self.took_work_at = time.monotonic()
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            try:
                beat(self.present())
            except RedisError as failure:
                log.warning("No heartbeat: the broker does not answer (%s)", failure)
            self._stop_asked.wait(BEAT_EVERY_S)

    def present(self) -> Heartbeat:
        return Heartbeat(
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=self.queues,
            busy=len(state.active_requests),
            quiet_s=round(time.monotonic() - self.took_work_at, 1),
        )

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(timeout=BEAT_EVERY_S)
        try:
            say_goodbye(self.present())
        except RedisError:
            log.info("The broker was gone first; the heartbeat runs out by itself")


_hearts: list[Heart] = []


@signals.worker_ready.connect
def start_beating(*, sender: Any, **_: object) -> None:
    heart = Heart(tuple(sender.app.amqp.queues.consume_from))
    _hearts.append(heart)
    heart.start()


@signals.task_received.connect
def note_work(**_: object) -> None:
    for heart in _hearts:
        heart.took_work_at = time.monotonic()


@signals.worker_shutdown.connect
def stop_beating(**_: object) -> None:
    while _hearts:
        _hearts.pop().stop()
