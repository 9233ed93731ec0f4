"""Checks of the files people brought in: what waits to be read, and who reads."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from apps.ingestion import jobs
from apps.ingestion.models import JobItem
from apps.pages.health import Check, Finding, ok, register, warn
from apps.pages.queues import queue_check

# Thousands of files may wait; none waits this long while anything is read.
LONG = timedelta(minutes=15)


def check_files() -> Finding:
    """Tell how many files wait, and whether readers come forward at all."""
    now = timezone.now()
    seen = JobItem.objects.aggregate(
        waiting=Count("pk", filter=Q(state=JobItem.State.WAITING)),
        working=Count("pk", filter=Q(state=JobItem.State.WORKING)),
        oldest=Min("waiting_since", filter=Q(state=JobItem.State.WAITING)),
        ended=Count("pk", filter=Q(finished_at__gt=now - LONG)),
    )
    oldest = seen["oldest"]
    facts = {
        "waiting": seen["waiting"],
        "reading": seen["working"],
        "oldest_waiting_since": oldest,
    }
    if oldest and now - oldest > LONG and not (seen["working"] or seen["ended"]):
        return warn(
            f"{seen['waiting']:,} files wait and none was read for {LONG.seconds // 60} minutes",
            "Look at the reading workers below.",
            **facts,
        )
    return ok(f"{seen['waiting']:,} wait, {seen['working']:,} being read", **facts)


register(
    Check(name="files", label="Uploaded files", run=check_files, order=30, needs=("database", "migrations")),
    queue_check(
        jobs.INGEST_QUEUE, label="Reading workers", without="uploaded files wait", order=41, has_long_tasks=True
    ),
)
