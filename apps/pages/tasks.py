"""Calls through the queues: each task an envelope."""

from celery import shared_task

from apps.pages import calls, queues


@shared_task(name=calls.CALL)
def call_queues(**_: object) -> None:
    for queue in sorted(queues.watched):
        calls.call(queue)


@shared_task(name=calls.ANSWER)
def answer_call(*, queue: str, **_: object) -> None:
    calls.answer(queue)
