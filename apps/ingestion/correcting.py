"""Saying something of very many documents: a worker goes through them step by step, and each step holds or does not.

Progress is a row in the database. A step that a dying worker leaves behind was never made, so the next one begins
where the last whole one ended, and nobody has to take anything over.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, transaction

from apps.corpora import corrections
from apps.corpora.corrections import Values
from apps.corpora.models import Corpus
from apps.ingestion import jobs
from apps.ingestion.models import BulkCorrection, Job, documents_of
from dmsearch import advisory

if TYPE_CHECKING:
    from apps.accounts.models import User

# Documents that a request sets itself, while somebody waits for its page.
AT_ONCE = 200
STEP = 200
# The other work of the queue must not wait long.
TURN_S = 10.0
_FAILED = "An unexpected error stopped it; the log of the maintenance worker says which. What was set so far stays."

State = BulkCorrection.State


def ask(corpus: Corpus, values: Values, *, upload: Job | None, by: User) -> BulkCorrection:
    """Have `values` set on all documents of the corpus, or of one upload; they are kept until a worker comes."""
    total = documents_of(corpus, upload).count()
    bulk = BulkCorrection.objects.create(corpus=corpus, upload=upload, values=values, by=by, total=total)
    transaction.on_commit(jobs.request_corrections)
    return bulk


def ask_again(bulk: BulkCorrection) -> None:
    """Go on with what an error stopped."""
    BulkCorrection.objects.filter(pk=bulk.pk, state=State.FAILED).update(state=State.OPEN, reason="")
    transaction.on_commit(jobs.request_corrections)


@transaction.atomic
def take_back(bulk: BulkCorrection) -> None:
    """Undo what was set, and set no more; a step that is being made ends first."""
    locked = BulkCorrection.objects.select_for_update().get(pk=bulk.pk)
    if locked.is_undo:
        return
    locked.is_undo, locked.state, locked.reason = True, State.OPEN, ""
    locked.total = locked.made().order_by().values("fingerprint").distinct().count()
    locked.up_to = locked.looked_at = locked.changed = 0
    locked.save()
    transaction.on_commit(jobs.request_corrections)


def carry_on() -> bool:
    """Work on what was asked for, the oldest first, until `TURN_S` are over; return whether there may be more to do.

    One worker at a time: what was asked for later is set later.
    """
    until = time.monotonic() + TURN_S
    with advisory.alone("dmsearch.bulk_corrections") as alone:
        if not alone:
            return False  # who is at it goes on
        while bulk := BulkCorrection.objects.open().first():
            _step_or_fail(bulk)
            if time.monotonic() > until:
                break
    return bulk is not None


def _step_or_fail(bulk: BulkCorrection) -> None:
    try:
        _step(bulk.pk)
    except (OperationalError, InterfaceError):
        raise  # the database was away, or chose us to end a deadlock: the next turn makes the step
    except Exception:
        bulk.end(State.FAILED, _FAILED)
        raise


@transaction.atomic
def _step(pk: int) -> None:
    bulk = BulkCorrection.objects.select_for_update(of=["self"]).select_related("by").get(pk=pk)
    if not bulk.is_open:
        return
    step = _take_back_some if bulk.is_undo else _set_some
    if not step(bulk):
        bulk.end(State.DONE)


def _set_some(bulk: BulkCorrection) -> bool:
    documents = bulk.documents().filter(pk__gt=bulk.up_to).order_by("pk").values_list("pk", flat=True)
    if not (some := list(documents[:STEP])):
        return False
    act = corrections.Act(by=bulk.by, id=bulk.act, asked_at=bulk.asked_at)
    changed = corrections.correct_batch(some, bulk.values, act=act)
    bulk.advance(up_to=some[-1], looked_at=len(some), changed=changed)
    return True


def _take_back_some(bulk: BulkCorrection) -> bool:
    left = bulk.made().filter(pk__gt=bulk.up_to)
    if not (some := list(left[:STEP])):
        return False
    last = some[-1]  # all that was set on one document goes together: its corrections were made one after the other
    some += list(left.filter(pk__gt=last.pk, fingerprint=last.fingerprint))
    documents = len({each.fingerprint for each in some})
    bulk.advance(up_to=some[-1].pk, looked_at=documents, changed=corrections.undo_batch(some))
    return True
