"""Maintenance tasks: short, safe to run twice, no model needed."""

from celery import shared_task

from apps.indexing import batches, certifying, jobs, services, shadowing
from apps.indexing.models import VectorIndex


@shared_task(name=jobs.TEND_INDEX)
def tend_index(*, index_id: int, **_: object) -> None:
    services.tend(VectorIndex.objects.get(pk=index_id))


@shared_task(name=jobs.TEND_ALL)
def tend_all(**_: object) -> None:
    services.tend_all()
    certifying.ask_again()
    shadowing.publish()


@shared_task(name=jobs.CERTIFY_DUE)
def certify_due(**_: object) -> None:
    certifying.request_due()
    batches.forget_old()
    shadowing.forget_old()
