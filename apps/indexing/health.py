"""Checks of the model and of the index that answers searches."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min, Q

from apps.indexing import certifying, jobs, services
from apps.indexing.models import PendingVector, VectorIndex
from apps.pages.health import Check, Finding, fail, ok, register, warn
from apps.pages.queues import queue_check, workers_heard_from
from apps.retrievers.checkpoints import CheckpointMissing, find_checkpoint
from apps.retrievers.describe import chosen_backends
from apps.retrievers.family import UnknownRetriever
from apps.retrievers.gates import int8_verdict, read_gate

UNSCHEDULED_AFTER_S = 120


def check_model() -> Finding:
    try:
        card, folder = services.chosen_model()
        revision = services.chosen_revision(card)
    except UnknownRetriever as unknown:
        return fail(f"RETRIEVER={settings.RETRIEVER} names no model", str(unknown))
    except CheckpointMissing as missing:
        return fail("its files are not on this machine", str(missing), model=card.name)
    found = find_checkpoint(card, folder=folder or settings.RETRIEVER_FOLDER)
    where = str(found.path) if found else "built in"
    backend = chosen_backends(card, revision) if settings.ENCODER_BACKEND == "auto" else settings.ENCODER_BACKEND
    int8 = int8_verdict(card, revision)
    facts = {"model": card.name, "revision": revision, "dim": card.dim, "path": where, "backend": backend, "int8": int8}
    told = f"; int8 {int8}" if read_gate(card, revision) else ""
    return ok(f"{card.name}, revision {revision}, {backend}{told}", **facts)


def check_live_index() -> Finding:
    live = VectorIndex.objects.live()
    if live is None:
        return fail(
            "no index answers searches: they find words only",
            "Run `manage.py ensure_index`.",
        )
    facts = {"index": live.pk, "model": live.retriever, "revision": live.revision, "dim": live.dim}
    if certifying.is_below_floor(live):
        exactly = "searches look at every vector" if live.searches_exactly else "some answers are missed"
        return warn(
            f"{live.retriever} finds less than the recall@10 of {live.recall_floor} that was asked for: {exactly}",
            f"Choose a higher ef_search on the page of index {live.pk}, or build its graph anew with a higher m.",
            **facts,
        )
    wanted = live.retriever if live.chosen else _wanted()
    if wanted != live.retriever:
        return warn(
            f"made by {live.retriever}, while settings ask for {wanted}",
            f"The index of {wanted} takes over when it is filled. To keep this one, set RETRIEVER={live.retriever}.",
            **facts,
        )
    return ok(f"{live.retriever}, {live.dim} dims", **facts)


def check_embedding() -> Finding:
    """Look at what still waits for vectors; such passages are already found by their words."""
    owed = PendingVector.objects.filter(index__in=VectorIndex.objects.growing())
    seen = owed.aggregate(
        waiting=Count("pk", filter=Q(reason="")),
        set_aside=Count("pk", filter=~Q(reason="")),
        oldest=Min("pk", filter=Q(reason="")),
    )
    facts = {"waiting": seen["waiting"], "set_aside": seen["set_aside"], "oldest_waiting_since": _since(seen["oldest"])}
    if troubled := VectorIndex.objects.growing().exclude(trouble="").first():
        return warn(
            f"a worker cannot go on with the index of {troubled.retriever}",
            f"{troubled.trouble}. Give the workers what they lack, or drop index {troubled.pk}.",
            **facts,
        )
    if seen["set_aside"]:
        return warn(
            f"{seen['set_aside']:,} passages could not be embedded: they are found by words only",
            "The pages of the indexes say why and try again: `manage.py index retry`.",
            **facts,
        )
    waiting = f"{seen['waiting']:,} passages wait" if seen["waiting"] else "every passage has its vector"
    return ok(waiting, **facts)


def _wanted() -> str:
    try:
        return services.chosen_card().name
    except UnknownRetriever:
        return str(settings.RETRIEVER)


def _since(pending_pk: int | None) -> datetime | None:
    """Return when the passage came in; None when it has just got its vector."""
    if pending_pk is None:
        return None
    return PendingVector.objects.filter(pk=pending_pk).values_list("passage__document__created_at", flat=True).first()


def check_scheduler() -> Finding:
    """Tell whether regular work is asked for: every 30 seconds a maintenance worker gets some."""
    quiet_s = [worker.quiet_s for worker in workers_heard_from() if jobs.MAINTENANCE_QUEUE in worker.queues]
    if min(quiet_s) > UNSCHEDULED_AFTER_S:
        return fail(
            f"nothing was asked for in {min(quiet_s):.0f} s: lost work is not picked up again",
            "`make run` starts it; by itself: `celery -A workers.app beat`.",
        )
    return ok("regular work is asked for")


register(
    Check(name="model", label="Model", run=check_model, order=20),
    Check(
        name="live_index",
        label="Live index",
        run=check_live_index,
        order=21,
        needs=("database", "migrations"),
        vital=True,
    ),
    Check(name="embedding", label="Vectors", run=check_embedding, order=22, needs=("database", "migrations")),
    queue_check(jobs.EMBED_QUEUE, label="Embedding workers", without="new passages are found by words only", order=42),
    queue_check(
        jobs.MAINTENANCE_QUEUE, label="Maintenance workers", without="lost work is not picked up again", order=43
    ),
    Check(
        name="scheduler",
        label="Scheduler",
        run=check_scheduler,
        order=45,
        needs=("broker", f"queue_{jobs.MAINTENANCE_QUEUE}"),
    ),
)
