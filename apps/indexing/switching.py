"""What an admin does with an index: hold it, let it answer searches, go back, keep it up no more, drop it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, transaction

from apps.indexing import ann, certifying, jobs, services, shadowing
from apps.indexing.models import PendingVector, VectorIndex

_Status = VectorIndex.Status

# A search that takes longer than this lets a drop wait; the drop lets searches wait no longer than this.
DROP_PATIENCE_MS = 500
DROP_TRIES = 40


#: Called with an index before it goes live; raise NotPossible when searches would fail with it.
before_live: list[Callable[[VectorIndex], None]] = []


class NotPossible(Exception):
    """The index is not in a state for that; the message says what is, and the way out."""


def pause(index: VectorIndex) -> None:
    """Let nobody embed for `index`; it goes on owing what comes in. A batch in hand is stored."""
    _move(index, to=_Status.PAUSED, among=[_Status.BUILDING], failing="Only an index that is being built can be paused")


def resume(index: VectorIndex) -> None:
    """Go on where it was paused; a retired one first owes all that came in meanwhile."""
    with transaction.atomic():
        was_retired = index.status == _Status.RETIRED
        among = [_Status.PAUSED, _Status.RETIRED]
        if was_retired:  # as for a new one: uploads in flight do not know of it yet
            _keep_uploads_waiting()
        failing = "Only a paused or a retired index can go on"
        # Retired by an earlier release, it may still be meant to take over.
        _move(index, to=_Status.BUILDING, among=among, failing=failing, **({"goes_live": False} if was_retired else {}))
        if was_retired:
            services.owe_everything(index)
        transaction.on_commit(lambda: jobs.request_embedding(index_id=index.pk))


def activate(index: VectorIndex) -> VectorIndex | None:
    """Let `index` answer searches from now on; return the one that did, which stays beside it to go back to."""
    index.refresh_from_db()
    if index.status in (_Status.READY, _Status.STANDBY):
        for check in before_live:
            check(index)
    with transaction.atomic():
        locked = VectorIndex.objects.select_for_update().get(pk=index.pk)
        if locked.status not in (_Status.READY, _Status.STANDBY):
            raise NotPossible(_why_not_live(locked))
        was = VectorIndex.objects.live()
        services.go_live(locked, chosen=True)
    index.refresh_from_db()
    return was


def roll_back() -> VectorIndex:
    """Let the index that answered before answer again; return it."""
    standby = VectorIndex.objects.standby()
    if standby is None:
        raise NotPossible("There is no index to go back to: none stands by.")
    activate(standby)
    return standby


def retire(index: VectorIndex) -> None:
    """Keep `index` up no more; its vectors stay until it is dropped."""
    with transaction.atomic():
        among = [_Status.READY, _Status.STANDBY, _Status.BUILDING, _Status.PAUSED]
        failing = "The live index cannot be retired"
        _move(index, to=_Status.RETIRED, among=among, failing=failing, goes_live=False, shadow_share=0.0)
        PendingVector.objects.filter(index=index).delete()
        transaction.on_commit(shadowing.publish)


def drop(index: VectorIndex) -> None:
    """Delete `index` with all its vectors: also how a build is cancelled."""
    if VectorIndex.objects.filter(pk=index.pk, status=_Status.LIVE).exists():
        raise NotPossible("The live index cannot be dropped: let another one answer searches first.")
    if index.status != _Status.RETIRED:
        retire(index)  # committed first, so that uploads owe it nothing any more
    ann.stop_building(index)
    for _ in range(DROP_TRIES):
        try:
            _drop_now(index)
        except OperationalError as busy:
            if "lock timeout" not in str(busy):
                raise
            time.sleep(DROP_PATIENCE_MS / 1000)
        else:
            return
    raise NotPossible("Searches keep the vectors busy. The index is retired; drop it when there is less to do.")


def change(index: VectorIndex, **settings: float | Mapping[str, float]) -> None:
    """Set how `index` is searched: ef_search, shadow_share, recall_floor, exact_below_floor, dense_shares."""
    index.refresh_from_db(fields=["status"])  # whoever asks may have looked a while ago
    for name, value in settings.items():
        setattr(index, name, value)
    try:
        index.clean_fields()
    except ValidationError as wrong:
        name, reasons = next(iter(wrong.message_dict.items()))
        raise NotPossible(f"{name}: {' '.join(reasons)}") from wrong
    if index.shadow_share and index.status not in (_Status.READY, _Status.STANDBY):
        raise NotPossible("Only a complete index that is not live can be shadowed.")
    index.save(update_fields=list(settings))
    certifying.apply_floor(index)
    shadowing.publish()


def _drop_now(index: VectorIndex) -> None:
    with transaction.atomic():
        ann.drop_partition(index.pk, patience_ms=DROP_PATIENCE_MS)
        _keep_uploads_waiting()
        VectorIndex.objects.filter(pk=index.pk, status=_Status.RETIRED).delete()
        if VectorIndex.objects.filter(pk=index.pk).exists():
            raise NotPossible("Nothing was dropped: somebody lets this index go on.")


def _move(index: VectorIndex, *, to: str, among: list[_Status], failing: str, **changes: float) -> None:
    if not VectorIndex.objects.filter(pk=index.pk, status__in=among).update(status=to, **changes):
        index.refresh_from_db()
        raise NotPossible(f"{failing}; this one is {index.get_status_display().lower()}.")
    index.refresh_from_db()


def _keep_uploads_waiting() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE corpora_passage IN SHARE ROW EXCLUSIVE MODE")


def _why_not_live(index: VectorIndex) -> str:
    if index.status == _Status.LIVE:
        return "This index is live already."
    if index.status == _Status.RETIRED:
        return "A retired index lacks what came in since. Let it catch up first: `manage.py index resume`."
    owed = services.progress(index).owed
    return f"This index is not complete: {owed:,} passages wait for their vectors. It can go live when none does."
