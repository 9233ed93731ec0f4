"""The checks of the workers that turn queries into vectors, and of those that answer lists of them."""

from apps.pages.health import register
from apps.pages.queues import queue_check
from apps.search import jobs

register(
    queue_check(jobs.QUERY_QUEUE, label="Query workers", without="searches are answered by words alone", order=40),
    queue_check(jobs.LISTS_QUEUE, label="Workers for lists of queries", without="lists are not answered", order=44),
)
