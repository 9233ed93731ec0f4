"""Stories about vector indexes: making one, filling it, making it answer searches."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.corpora.models import Passage
from apps.indexing import ann, batches, building, jobs, shadowing
from apps.indexing.models import EmbeddingBatch, PassageVector, PendingVector, VectorIndex
from apps.retrievers.checkpoints import default_card, get_checkpoint
from apps.retrievers.family import RetrieverCard
from apps.retrievers.naming import named_retriever

log = logging.getLogger(__name__)

# The third start that does not end sets a passage aside.
MAX_ATTEMPTS = 3
# How trouble begins that is no embed worker's.
_UNTENDED = "Maintenance failed"


def chosen_model() -> tuple[RetrieverCard, Path | None]:
    """Return the card that settings ask for, and the folder where that is what they name."""
    if settings.RETRIEVER == "auto":
        return default_card(folder=settings.RETRIEVER_FOLDER), None
    return named_retriever(settings.RETRIEVER)


def chosen_card() -> RetrieverCard:
    return chosen_model()[0]


def chosen_revision(card: RetrieverCard) -> str:
    """Return the revision of the weights at hand, or raise CheckpointMissing with the way to get them."""
    if not card.hub_id:
        return card.revision
    return get_checkpoint(card, folder=chosen_model()[1] or settings.RETRIEVER_FOLDER).revision


def ensure_index() -> VectorIndex:
    """Return the index of the chosen retriever, made if need be; or the live one, where an admin chose that.

    The very first goes live at once; a later one, or one that stands beside the live one already, takes over
    when it owes nothing (see `tend`).
    """
    live = VectorIndex.objects.live()
    if live and live.chosen:
        return live
    card, folder = chosen_model()
    revision = chosen_revision(card)
    with transaction.atomic():
        _only_one_at_a_time()
        alike = VectorIndex.objects.growing().filter(retriever=card.name, revision=revision)
        found = alike.filter(status=VectorIndex.Status.LIVE).first() or alike.first()
        if found is None:
            making = Making(checkpoint=str(folder.resolve()) if folder else "")
            return create_index(card, revision=revision, making=making)
        if not found.is_live:
            found.status, found.goes_live = VectorIndex.Status.BUILDING, True
            found.save(update_fields=["status", "goes_live"])
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Making:
    """How an index is made, beyond its model."""

    checkpoint: str = ""  #: folder of the weights; empty: where settings look
    precision: str = ""  #: empty: what suits the vectors' size
    m: int = 16
    ef_construction: int = 64
    ef_search: int = 0  #: 0: what suits the vectors' size
    goes_live: bool = True  #: by itself, as soon as it is complete
    paused: bool = False  #: owe everything, but wait to be resumed


def create_index(card: RetrieverCard, *, revision: str, making: Making = Making()) -> VectorIndex:
    """Make an index that owes a vector for every passage there is."""
    with transaction.atomic():
        # Waits for uploads in flight: their trigger would not know of this index yet.
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE corpora_passage IN SHARE ROW EXCLUSIVE MODE")
        index = VectorIndex.objects.create(
            retriever=card.name,
            revision=revision,
            dim=card.dim,
            checkpoint=making.checkpoint,
            precision=making.precision or ann.suitable_precision(card.dim),
            m=making.m,
            ef_construction=making.ef_construction,
            ef_search=making.ef_search or ann.suitable_ef_search(card.dim),
            goes_live=making.goes_live,
            status=VectorIndex.Status.PAUSED if making.paused else VectorIndex.Status.BUILDING,
        )
        ann.create_partition(index)
        owe_everything(index)
        if making.goes_live and VectorIndex.objects.live() is None:
            go_live(index)
        if not making.paused:
            transaction.on_commit(lambda: jobs.request_embedding(index_id=index.pk))
    return index


def owe_everything(index: VectorIndex) -> None:
    """Note a debt for each passage that has no vector in `index`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO indexing_pendingvector (index_id, passage_id, attempts, reason) "
            "SELECT %(index)s, p.id, 0, '' FROM corpora_passage p WHERE NOT EXISTS "
            "(SELECT FROM indexing_passagevector v WHERE v.index_id = %(index)s AND v.passage_id = p.id) "
            "ORDER BY p.id ON CONFLICT DO NOTHING",
            {"index": index.pk},
        )


def go_live(index: VectorIndex, *, chosen: bool = False) -> None:
    """Serve searches from `index`; the one that did stays beside it, kept up, to go back to.

    chosen: by an admin, so that settings do not replace it. Whatever stood beside before is kept up no more.
    """
    with transaction.atomic():
        _only_one_at_a_time()
        live = VectorIndex.objects.exclude(pk=index.pk).filter(status=VectorIndex.Status.LIVE).first()
        if live is not None:
            older = VectorIndex.objects.exclude(pk=index.pk).filter(status=VectorIndex.Status.STANDBY)
            PendingVector.objects.filter(index__in=older).delete()
            older.update(status=VectorIndex.Status.RETIRED, goes_live=False, shadow_share=0.0)
            live.status = VectorIndex.Status.STANDBY
            live.save(update_fields=["status"])
        index.status, index.chosen, index.shadow_share = VectorIndex.Status.LIVE, chosen, 0.0
        index.went_live_at, index.goes_live = timezone.now(), False
        index.save(update_fields=["status", "chosen", "shadow_share", "went_live_at", "goes_live"])
        transaction.on_commit(shadowing.publish)


def request_embedding_everywhere() -> None:
    """Ask every growing index for what it owes; call on commit of new passages."""
    for index in VectorIndex.objects.growing():
        jobs.request_embedding(index_id=index.pk)


@dataclass(frozen=True, slots=True)
class Batch:
    passage_ids: list[int]
    texts: list[str]
    record: EmbeddingBatch | None = None  #: None where nothing was taken


def lease(index: VectorIndex, *, size: int, worker: str = "") -> Batch:
    """Take up to `size` owed passages for this worker; empty when none is free.

    What was started before and never ended comes in ever smaller batches, the third time alone: so that
    the one passage that kills its workers is set aside, with a reason, and not those beside it.
    """
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=Now())
    with transaction.atomic():
        PendingVector.objects.filter(free, index=index, reason="", attempts__gte=MAX_ATTEMPTS).update(
            reason=f"{MAX_ATTEMPTS} workers died or failed over it"
        )
        found = list(
            PendingVector.objects.select_for_update(skip_locked=True)
            .filter(free, index=index, reason="")
            .order_by("pk")
            .values_list("pk", "passage_id", "attempts")[:size]
        )
        attempts = found[0][2] if found else 0
        alike = list(takewhile(lambda row: row[2] == attempts, found))
        rows = alike[: (size, max(1, size // 8), 1)[attempts]]
        PendingVector.objects.filter(pk__in=[pk for pk, _, _ in rows]).update(
            attempts=F("attempts") + 1, leased_until=Now() + timedelta(seconds=settings.EMBED_LEASE_S)
        )
        texts = dict(Passage.objects.filter(pk__in=[passage for _, passage, _ in rows]).values_list("pk", "text"))
        record = batches.begin(index, worker=worker, attempt=attempts + 1, passages=len(texts)) if texts else None
    return Batch(list(texts), list(texts.values()), record)


def store_vectors(index: VectorIndex, passage_ids: Sequence[int], vectors: np.ndarray) -> int:
    """Store the vectors and strike the passages off the list, both or neither; return how many were new.

    Those for an index that was dropped meanwhile are of no use any more: none is stored.
    """
    with transaction.atomic():
        if not _still_there(index):
            return 0
        stored = ann.copy_vectors(index, passage_ids, vectors)
        PendingVector.objects.filter(index=index, passage_id__in=passage_ids).delete()
    return stored


def _still_there(index: VectorIndex) -> bool:
    """Look, and keep it from being dropped until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM indexing_vectorindex WHERE id = %s FOR KEY SHARE", [index.pk])
        return cursor.fetchone() is not None


def give_back(index: VectorIndex, passage_ids: Sequence[int]) -> None:
    """Free those of the passages that are still owed; the start counts, as one of them may have felled the encoder."""
    PendingVector.objects.filter(index=index, passage_id__in=passage_ids, reason="").update(leased_until=None)


def set_aside(index: VectorIndex, passage_ids: Sequence[int], *, reason: str) -> None:
    """Try leased passages no more, until somebody asks for it."""
    PendingVector.objects.filter(index=index, passage_id__in=passage_ids).update(leased_until=None, reason=reason)


def retry_set_aside(index: VectorIndex) -> int:
    """Try again what was set aside; return how many passages that is."""
    count = (
        PendingVector.objects.filter(index=index).exclude(reason="").update(reason="", attempts=0, leased_until=None)
    )
    if count:
        jobs.request_embedding(index_id=index.pk)
    return count


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an index is; the three add up to every passage there is."""

    stored: int
    owed: int
    set_aside: int


def progress(index: VectorIndex) -> Progress:
    owed = PendingVector.objects.filter(index=index).aggregate(
        owed=Count("pk", filter=Q(reason="")), set_aside=Count("pk", filter=~Q(reason=""))
    )
    return Progress(stored=PassageVector.objects.filter(index=index).count(), **owed)


def tend(index: VectorIndex) -> None:
    """Do what an index needs: its graph once next to nothing is owed, its turn to go live once nothing is.

    Where an admin chose the index that answers, it waits to be told.
    """
    if not index.is_growing or (building.wants_graph(index) and not building.build_graph(index)):
        return
    if PendingVector.objects.filter(index=index, reason="").exists():
        return
    # An admin may have paused it while its graph was built, or let another one answer.
    still = VectorIndex.objects.filter(pk=index.pk, status=VectorIndex.Status.BUILDING)
    if not index.goes_live or VectorIndex.objects.filter(status=VectorIndex.Status.LIVE, chosen=True).exists():
        still.update(status=VectorIndex.Status.READY)
    elif still.exists():
        go_live(index)


def tend_all() -> None:
    """Pick up what a dead worker or a lost message left behind; runs every half minute.

    One index that cannot be tended, for want of disk say, keeps no other waiting.
    """
    batches.mark_lost()
    for index in VectorIndex.objects.growing():
        try:
            _pick_up(index)
        except DatabaseError as failure:
            log.exception("Index %s (%s) cannot be tended", index.pk, index.retriever)
            VectorIndex.objects.filter(pk=index.pk).update(trouble=f"{_UNTENDED}: {failure}")
        else:
            VectorIndex.objects.filter(pk=index.pk, trouble__startswith=_UNTENDED).update(trouble="")


def _pick_up(index: VectorIndex) -> None:
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=Now())
    if PendingVector.objects.filter(free, index=index, reason="").exists():
        jobs.request_embedding(index_id=index.pk, expires=30)
    tend(index)


def _only_one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('dmsearch.ensure_index'))")
