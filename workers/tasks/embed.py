"""The embed worker: pays the vectors that an index owes."""

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial

from celery import shared_task
from celery.utils.log import get_task_logger
from django.conf import settings

from apps.indexing import batches, jobs, services
from apps.indexing.models import EmbeddingBatch, VectorIndex
from apps.retrievers.checkpoints import CheckpointMissing
from apps.retrievers.family import UnknownRetriever
from workers.encoders import EncoderUnavailable, get_encoder
from workers.encoders.base import Encoder, Vectors

log = get_task_logger(__name__)

# A few seconds of work on two CPU cores: small enough for progress and a short lease. With half as many a worker reaches
# 0.85 of its encoder instead of 1.00: at the end of each batch a core has nothing to do.
BATCH = 256
# Then the message is sent anew, so that no task comes near the broker's visibility timeout.
STINT_S = 60.0
# Any encoder that works embeds this: when it cannot, no passage is to blame.
KNOWN_GOOD = "The river is above the flood mark."


@dataclass(frozen=True, kw_only=True, slots=True)
class InHand:
    """A batch that this worker has taken, on its way through the encoder."""

    batch: services.Batch
    record: EmbeddingBatch
    vectors: Future[Vectors]
    kept: ExitStack  #: holds the lease until it is closed

    @property
    def is_suspect(self) -> bool:
        """Tell whether a worker may have died of it: then it goes alone, so that no other batch shares the blame."""
        return self.record.attempt > 1


@dataclass(slots=True)
class Outcome:
    """How a batch went, so far."""

    stored: int = 0
    reasons: list[str] = field(default_factory=list)  #: of each passage that was set aside


@shared_task(name=jobs.EMBED_PENDING)
def embed_pending(*, index_id: int, **_: object) -> int:
    """Embed what index `index_id` owes for at most a minute; return how many vectors were stored."""
    index = VectorIndex.objects.growing().filter(pk=index_id).first()
    encoder = _fitting_encoder(index) if index else None
    if index is None or encoder is None:
        return 0
    until = time.monotonic() + STINT_S
    with closing(_in_turn(index, encoder, until=until)) as hands:
        stored = sum(_finish(index, encoder, hand) for hand in hands)
    if index.trouble:
        return stored  # asked again within half a minute, as for whatever is left behind
    if time.monotonic() >= until:
        jobs.request_embedding(index_id=index_id)
    elif _is_growing(index):
        jobs.request_tending(index_id=index_id)
    return stored


def _in_turn(index: VectorIndex, encoder: Encoder, *, until: float) -> Generator[InHand, None, None]:
    """Yield what is owed, batch by batch: the encoder works on one while the one before is stored and the next read."""
    pool = ThreadPoolExecutor(1, "encode")
    hands: deque[InHand] = deque()

    def take() -> None:
        if time.monotonic() < until and (taken := _take(index, encoder, pool)):
            hands.append(taken)

    try:
        take()
        while hands:
            if not hands[0].is_suspect:
                take()
            yield hands[0]
            hands.popleft()
            if not hands:
                take()
    finally:
        pool.shutdown(cancel_futures=True)
        for hand in hands:
            hand.kept.close()


def _take(index: VectorIndex, encoder: Encoder, pool: ThreadPoolExecutor) -> InHand | None:
    """Lease a batch and queue it for the encoder.

    None where nothing is owed, the index was paused or dropped, or the encoder went away.
    """
    if index.trouble or not _is_growing(index):
        return None
    batch = services.lease(index, size=BATCH, worker=worker_name())
    if batch.record is None:
        return None
    kept = ExitStack()
    kept.enter_context(batches.kept_lease(batch.record, batch.passage_ids))
    return InHand(batch=batch, record=batch.record, vectors=pool.submit(_vectors, encoder, batch.texts), kept=kept)


def _is_growing(index: VectorIndex) -> bool:
    return VectorIndex.objects.growing().filter(pk=index.pk).exists()


def encoder_of(index: VectorIndex) -> Encoder:
    """Return the encoder that made the vectors of `index`; raise EncoderUnavailable where this worker has it not."""
    try:
        encoder = get_encoder(
            index.card,
            device=settings.ENCODER_DEVICE,
            backend=settings.ENCODER_BACKEND,
            folder=index.folder or settings.RETRIEVER_FOLDER,
        )
    except (CheckpointMissing, UnknownRetriever) as missing:
        raise EncoderUnavailable(str(missing)) from missing
    if encoder.revision != index.revision:
        raise EncoderUnavailable(f"this index needs revision {index.revision}; the worker has {encoder.revision}")
    return encoder


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _fitting_encoder(index: VectorIndex) -> Encoder | None:
    """Return the encoder, or None after telling the admin why this worker does nothing; another one may."""
    try:
        encoder = encoder_of(index)
        if index.trouble:
            _see_that_it_works(encoder)
    except EncoderUnavailable as failure:
        _tell_trouble(index, failure)
        return None
    if index.trouble:
        VectorIndex.objects.filter(pk=index.pk).update(trouble="")
        index.trouble = ""
    return encoder


def _tell_trouble(index: VectorIndex, failure: EncoderUnavailable) -> None:
    log.error("Index %s (%s) cannot be embedded here: %s", index.pk, index.retriever, failure)
    index.trouble = f"{worker_name()}: {failure}"
    VectorIndex.objects.filter(pk=index.pk).update(trouble=index.trouble)


def _see_that_it_works(encoder: Encoder) -> None:
    """Raise EncoderUnavailable if `encoder` fails on what it must be able to embed."""
    try:
        _vectors(encoder, [KNOWN_GOOD])
    except (ValueError, RuntimeError) as failure:
        raise EncoderUnavailable(str(failure)) from failure


def _finish(index: VectorIndex, encoder: Encoder, hand: InHand) -> int:
    """Store a batch's vectors and note how it went; return how many were stored.

    If the encoder is gone, give the rest back as if nobody had started with it.
    """
    outcome, outage = Outcome(), ""
    with hand.kept:
        try:
            _store(index, encoder, hand.batch, compute=hand.vectors.result, outcome=outcome)
        except EncoderUnavailable as failure:
            _tell_trouble(index, failure)
            outage = str(failure)
    if outage:
        services.give_back(index, hand.batch.passage_ids)
    batches.end(hand.record, stored=outcome.stored, reasons=outcome.reasons, outage=outage)
    return outcome.stored


def _store(
    index: VectorIndex, encoder: Encoder, part: services.Batch, *, compute: Callable[[], Vectors], outcome: Outcome
) -> None:
    """Store the vectors of some passages; when they cannot be had, set those to blame aside.

    Raises EncoderUnavailable where none of them is.
    """
    try:
        vectors = compute()
    except (ValueError, RuntimeError) as failure:
        _see_that_it_works(encoder)
        if len(part.texts) > 1:
            _store_halves(index, encoder, part, outcome=outcome)
            return
        log.warning("Passage %s cannot be embedded: %s", part.passage_ids[0], failure)
        services.set_aside(index, part.passage_ids, reason=str(failure))
        outcome.reasons.append(str(failure))
    else:
        outcome.stored += services.store_vectors(index, part.passage_ids, vectors)


def _store_halves(index: VectorIndex, encoder: Encoder, part: services.Batch, *, outcome: Outcome) -> None:
    middle = len(part.texts) // 2
    for half in (slice(None, middle), slice(middle, None)):
        texts = part.texts[half]
        batch = services.Batch(part.passage_ids[half], texts)
        _store(index, encoder, batch, compute=partial(_vectors, encoder, texts), outcome=outcome)


def _vectors(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    return encoder.encode([encoder.card.passage_text(text) for text in texts])
