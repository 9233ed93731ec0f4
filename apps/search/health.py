"""The check of the workers that turn queries into vectors."""

from apps.pages.health import register
from apps.pages.queues import queue_check
from apps.search import jobs

register(queue_check(jobs.QUERY_QUEUE, label="Query workers", without="searches are answered by words alone", order=40))
