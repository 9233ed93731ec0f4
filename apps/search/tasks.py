"""The tasks of searching that need no model at hand: each an envelope, safe to run twice."""

from typing import Any

from celery import shared_task

from apps.search import jobs, shadow, spelling
from apps.search.lists import answering


@shared_task(name=jobs.ANSWER_LISTS)
def answer_lists(**_: object) -> None:
    if answering.answer_next():
        jobs.request_answers()


@shared_task(name=jobs.LEARN_WORDS)
def learn_words(**_: object) -> None:
    """Count the words of what was uploaded since, so that misspelt ones can be put right."""
    spelling.learn()


@shared_task(name=jobs.SHADOW, acks_late=False)
def shadow_search(*, index_id: int, search: dict[str, Any], **_: object) -> None:
    shadow.run(index_id, search)
