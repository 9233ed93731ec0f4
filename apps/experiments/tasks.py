from celery import shared_task

from apps.experiments import jobs, own


@shared_task(name=jobs.MEASURE_OWN)
def measure_own(**_: object) -> None:
    own.carry_out_waiting()
