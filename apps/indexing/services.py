"""Stories about vector indexes: making one, filling it, making it answer searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.corpora.models import Passage
from apps.indexing import ann, jobs
from apps.indexing.models import PassageVector, PendingVector, VectorIndex
from apps.retrievers.checkpoints import default_card, get_checkpoint
from apps.retrievers.family import RetrieverCard, get_card

# Below this an exact scan takes a few milliseconds and misses nothing.
HNSW_FROM = 5_000
# The third start that does not end sets a passage aside.
MAX_ATTEMPTS = 3


def chosen_card() -> RetrieverCard:
    """Return the card that settings ask for."""
    if settings.RETRIEVER == "auto":
        return default_card(folder=settings.RETRIEVER_FOLDER)
    return get_card(settings.RETRIEVER)


def chosen_revision(card: RetrieverCard) -> str:
    """Return the revision of the weights at hand, or raise CheckpointMissing with the way to get them."""
    if not card.hub_id:
        return card.revision
    return get_checkpoint(card, folder=settings.RETRIEVER_FOLDER).revision


def ensure_index() -> VectorIndex:
    """Return the index of the chosen retriever, made if need be.

    The very first goes live at once; a later one is filled beside the live one and takes over
    when it owes nothing (see `tend`).
    """
    card = chosen_card()
    revision = chosen_revision(card)
    with transaction.atomic():
        _only_one_at_a_time()
        found = VectorIndex.objects.growing().filter(retriever=card.name, revision=revision).first()
        return found or create_index(card, revision=revision)


def create_index(card: RetrieverCard, *, revision: str) -> VectorIndex:
    """Make an index that owes a vector for every passage there is."""
    with transaction.atomic():
        # Waits for uploads in flight: their trigger would not know of this index yet.
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE corpora_passage IN SHARE ROW EXCLUSIVE MODE")
        first = not VectorIndex.objects.filter(status=VectorIndex.Status.LIVE).exists()
        index = VectorIndex.objects.create(retriever=card.name, revision=revision, dim=card.dim)
        ann.create_partition(index)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO indexing_pendingvector (index_id, passage_id, attempts, reason) "
                "SELECT %s, id, 0, '' FROM corpora_passage",
                [index.pk],
            )
        if first:
            go_live(index)
        transaction.on_commit(lambda: jobs.request_embedding(index_id=index.pk))
    return index


def go_live(index: VectorIndex) -> None:
    """Serve searches from `index`, retiring the one that did."""
    with transaction.atomic():
        VectorIndex.objects.filter(status=VectorIndex.Status.LIVE).update(status=VectorIndex.Status.RETIRED)
        index.status = VectorIndex.Status.LIVE
        index.went_live_at = timezone.now()
        index.save(update_fields=["status", "went_live_at"])


def request_embedding_everywhere() -> None:
    """Ask every growing index for what it owes; call on commit of new passages."""
    for index in VectorIndex.objects.growing():
        jobs.request_embedding(index_id=index.pk)


@dataclass(frozen=True, slots=True)
class Batch:
    passage_ids: list[int]
    texts: list[str]


def lease(index: VectorIndex, *, size: int) -> Batch:
    """Take up to `size` owed passages for this worker; empty when none is free.

    A passage whose lease ran out `MAX_ATTEMPTS` times is set aside with a reason.
    """
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=Now())
    with transaction.atomic():
        PendingVector.objects.filter(free, index=index, reason="", attempts__gte=MAX_ATTEMPTS).update(
            reason=f"{MAX_ATTEMPTS} workers died or failed over it"
        )
        rows = list(
            PendingVector.objects.select_for_update(skip_locked=True)
            .filter(free, index=index, reason="")
            .order_by("pk")
            .values_list("pk", "passage_id", "attempts")[:size]
        )
        PendingVector.objects.filter(pk__in=[pk for pk, _, _ in rows]).update(
            attempts=F("attempts") + 1, leased_until=Now() + timedelta(seconds=settings.EMBED_LEASE_S)
        )
    texts = dict(Passage.objects.filter(pk__in=[passage for _, passage, _ in rows]).values_list("pk", "text"))
    return Batch(passage_ids=list(texts), texts=list(texts.values()))


def store_vectors(index: VectorIndex, passage_ids: Sequence[int], vectors: np.ndarray) -> int:
    """Store the vectors and strike the passages off the list, both or neither; return how many were new."""
    with transaction.atomic():
        stored = ann.copy_vectors(index, passage_ids, vectors)
        PendingVector.objects.filter(index=index, passage_id__in=passage_ids).delete()
    return stored


def give_back(index: VectorIndex, passage_ids: Sequence[int], *, reason: str = "") -> None:
    """Free leased passages at once; with a reason, set them aside instead."""
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
    """Do what an index needs once nothing is owed: its graph, its statistics, its turn to go live."""
    if PendingVector.objects.filter(index=index, reason="").exists():
        return
    enough = PassageVector.objects.filter(index=index)[HNSW_FROM - 1 : HNSW_FROM].exists()
    if enough and not ann.has_hnsw(index):
        ann.build_hnsw(index)
    if index.status == VectorIndex.Status.BUILDING:
        go_live(index)


def tend_all() -> None:
    """Pick up what a dead worker or a lost message left behind; runs every half minute."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=Now())
    for index in VectorIndex.objects.growing():
        if PendingVector.objects.filter(free, index=index, reason="").exists():
            jobs.request_embedding(index_id=index.pk, expires=30)
        else:
            tend(index)


def _only_one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('dmsearch.ensure_index'))")
