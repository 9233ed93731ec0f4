"""Stories of bringing files in: accept them, try again, give up, pick up what a dead worker left."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.corpora.models import Corpus, StoredFile
from apps.ingestion import jobs
from apps.ingestion.models import Job, JobItem

if TYPE_CHECKING:
    from apps.accounts.models import User

log = logging.getLogger(__name__)

# A worker gives six signs in this time; one silent for so long is dead, and the reaper comes every
# half minute: what it held waits again within a minute.
SILENT = timedelta(seconds=settings.READ_LEASE_S)
# An item that waits longer, while fewer messages are queued than items wait, may have lost its message.
LOST = SILENT
# The third start that does not end sets an item aside.
MAX_ATTEMPTS = 3


def open_job(corpus: Corpus, *, user: User | None = None) -> Job:
    return Job.objects.create(corpus=corpus, created_by=user)


def add(
    job: Job, content: File[bytes], *, name: str, kind: str = "", mapping: dict[str, object] | None = None
) -> JobItem:
    """Keep a file whole, as an item that waits; nothing of it is looked at here.

    name: as the uploader has it, with folders. kind: the corpus's where empty.
    """
    with transaction.atomic():
        stored, _ = StoredFile.objects.keep(content)
        return JobItem.objects.create(
            job=job, source=stored, name=tidy_name(name), kind=kind or job.corpus.kind, mapping=mapping
        )


def accept(
    job: Job, content: File[bytes], *, name: str, kind: str = "", mapping: dict[str, object] | None = None
) -> JobItem:
    """Keep a file whole, as `add` does, and ask a worker to read it.

    The file waits safely in the database whether or not the request for its reading arrives.
    """
    with transaction.atomic():
        item = add(job, content, name=name, kind=kind, mapping=mapping)
        ask([item.pk])
    return item


def ask(item_ids: Iterable[int]) -> None:
    """Ask for the items once the transaction is through; with the broker away, the reaper asks again."""
    transaction.on_commit(partial(_send, list(item_ids)))


def _send(item_ids: list[int]) -> None:
    try:
        jobs.request_ingest(item_ids)
    except OperationalError as away:
        log.warning("The message broker is away; %s items wait for the reaper: %s", len(item_ids), away)


def tidy_name(name: str) -> str:
    """Return a file name fit to be kept and shown: no control characters, the end of an over-long one."""
    shown = "".join(character for character in name if character.isprintable()).strip("/ ")
    return shown[-500:] or "unnamed"


def retry(items: Iterable[int]) -> int:
    """Let failed, set aside or cancelled items wait again; return how many that were."""
    retryable = (*JobItem.BAD, JobItem.State.CANCELLED)
    with transaction.atomic():
        chosen = JobItem.objects.filter(pk__in=list(items), state__in=retryable)
        ids = list(chosen.select_for_update().values_list("pk", flat=True))
        JobItem.objects.filter(pk__in=ids).send_back()
        ask(ids)
    return len(ids)


def retry_all_failed(job: Job) -> int:
    return retry(job.items.bad().values_list("pk", flat=True))


def cancel(job: Job) -> int:
    """Cancel what no worker has begun; what one reads now is read to its end."""
    return job.items.waiting().update(state=JobItem.State.CANCELLED, finished_at=timezone.now())


def correct_mapping(item: JobItem, mapping: dict[str, object]) -> None:
    """Have a table read anew with other columns; the worker first takes away what came out of it before."""
    with transaction.atomic():
        JobItem.objects.filter(pk=item.pk).send_back()
        JobItem.objects.filter(pk=item.pk).update(
            mapping=mapping, starts_over=True, documents=0, passages=0, duplicates=0, bad_rows=[], bad_row_count=0
        )
        ask([item.pk])


def reap() -> None:
    """Take back what dead workers held, and ask again for what lost its message."""
    dead = JobItem.objects.filter(state=JobItem.State.WORKING, alive_at__lt=Now() - SILENT)
    set_aside = dead.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=JobItem.State.QUARANTINED,
        finished_at=timezone.now(),
        reason=f"{MAX_ATTEMPTS} workers stopped while they read this file, so it was set aside. "
        "What came out of it stays; retry it when the workers have more memory, or upload it in parts.",
    )
    with transaction.atomic():
        ids = list(dead.select_for_update(skip_locked=True).values_list("pk", flat=True))
        JobItem.objects.filter(pk__in=ids).update(state=JobItem.State.WAITING, waiting_since=Now())
        ask(ids)
    if set_aside or ids:
        log.warning("Reaped: %s items wait again, %s set aside", len(ids), set_aside)
    _ask_for_forgotten()


def _ask_for_forgotten() -> None:
    """Ask for as many of the items that wait longest as there are messages too few: no more, or the queue would grow."""
    forgotten = JobItem.objects.waiting().filter(waiting_since__lt=Now() - LOST).order_by("waiting_since", "pk")
    if not forgotten.exists():
        return
    too_few = JobItem.objects.waiting().count() - jobs.messages_waiting()
    if ids := list(forgotten.values_list("pk", flat=True)[: max(0, too_few)]):
        log.warning("Asking again for %s items whose message was lost", len(ids))
        jobs.request_ingest(ids)
