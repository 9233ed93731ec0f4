"""The ingest worker's tasks: each an envelope, safe to run twice."""

from celery import shared_task

from apps.corpora.duplicates import grouping
from apps.ingestion import correcting, jobs, reading, services, sweeping

# Below the broker's visibility timeout: a message never comes twice while its task runs. A file cut off
# here goes on from where it was.
TIME_LIMIT_S = 3000


@shared_task(name=jobs.INGEST_ITEM, time_limit=TIME_LIMIT_S)
def ingest_item(*, item_id: int, **_: object) -> None:
    reading.ingest(item_id)


@shared_task(name=jobs.REAP)
def reap(**_: object) -> None:
    services.reap()
    sweeping.take_deleted_corpora_apart()
    sweeping.forget_unused_files()
    grouping.tend()


@shared_task(name=jobs.CORRECT)
def correct(**_: object) -> None:
    if correcting.carry_on():
        jobs.request_corrections()
