"""Each query worker loads the models that searches need before they need them: at its start, and before a switch."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

from celery.signals import worker_ready
from celery.utils.log import get_task_logger
from celery.worker.consumer import Consumer
from django.db import DatabaseError, connection
from redis.exceptions import RedisError

from apps.indexing.models import VectorIndex
from apps.retrievers.checkpoints import CheckpointMissing
from apps.retrievers.family import UnknownRetriever
from apps.search import jobs, readiness
from workers.encoders import EncoderUnavailable
from workers.tasks import query

log = get_task_logger(__name__)

LOOK_EVERY_S = 1.0
# What could not be loaded is tried again, as the weights may come.
AGAIN_AFTER_S = 30.0


class Warmer(threading.Thread):
    """Sees to it that this process holds the live index's model and the one that is to come or was there before."""

    def __init__(self) -> None:
        super().__init__(name="warm-up", daemon=True)
        self._failed_at: dict[int, float] = {}
        self._is_cut_off = False

    def run(self) -> None:
        while True:
            self.look()
            connection.close()  # this thread's own
            time.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Load what is missing and tell what there is."""
        try:
            for index in _needed():
                if index.is_live:
                    query.keep(index.retriever, index.checkpoint)
                self._load(index)
            readiness.tell(query.models_held(), host=socket.gethostname(), pid=os.getpid())
        except (DatabaseError, RedisError) as away:
            if not self._is_cut_off:
                log.warning("Which model searches need cannot be seen: %s", away)
            self._is_cut_off = True
        else:
            self._is_cut_off = False

    def _load(self, index: VectorIndex) -> None:
        if readiness.model_of(index) in query.models_held():
            return
        if time.monotonic() - self._failed_at.get(index.pk, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
            return
        try:
            query.batcher(index.retriever, index.checkpoint).encode_one("warm up")
        except (CheckpointMissing, UnknownRetriever, EncoderUnavailable, OSError, ValueError, RuntimeError) as failure:
            self._failed_at[index.pk] = time.monotonic()
            log.error("%s cannot be loaded here: %s", index.retriever, failure)  # noqa: TRY400
        else:
            log.info("%s answers queries", index.retriever)


def _needed() -> Iterator[VectorIndex]:
    if live := VectorIndex.objects.live():
        yield live
    if (wanted := readiness.asked_for()) is not None:
        yield from VectorIndex.objects.filter(pk=wanted)
    elif query.has_room() and (standby := VectorIndex.objects.standby()):
        yield standby


@worker_ready.connect
def warm_up(sender: Consumer, **_: object) -> None:
    if jobs.QUERY_QUEUE in sender.app.amqp.queues.consume_from:
        Warmer().start()
