"""The embed worker: pays the vectors that an index owes."""

import time

from celery import shared_task
from celery.utils.log import get_task_logger
from django.conf import settings

from apps.indexing import jobs, services
from apps.indexing.models import VectorIndex
from workers.encoders import get_encoder
from workers.encoders.base import Encoder

log = get_task_logger(__name__)

# A few seconds of work on two CPU cores: small enough for progress and a short lease.
BATCH = 128
# Then the message is sent anew, so that no task comes near the broker's visibility timeout.
STINT_S = 60.0


@shared_task(name=jobs.EMBED_PENDING)
def embed_pending(*, index_id: int, **_: object) -> int:
    """Embed what index `index_id` owes for at most a minute; return how many vectors were stored."""
    index = VectorIndex.objects.filter(pk=index_id).first()
    if index is None or index.status == VectorIndex.Status.RETIRED:
        return 0
    encoder = get_encoder(
        index.card,
        device=settings.ENCODER_DEVICE,
        backend=settings.ENCODER_BACKEND,
        folder=settings.RETRIEVER_FOLDER,
    )
    if encoder.revision != index.revision:
        log.error(
            "Index %s needs %s at %s; this worker has %s", index_id, index.retriever, index.revision, encoder.revision
        )
        return 0
    stored, until = 0, time.monotonic() + STINT_S
    while time.monotonic() < until:
        batch = services.lease(index, size=BATCH)
        if not batch.passage_ids:
            jobs.request_tending(index_id=index_id)
            return stored
        stored += _embed(index, encoder, batch)
    jobs.request_embedding(index_id=index_id)
    return stored


def _embed(index: VectorIndex, encoder: Encoder, batch: services.Batch) -> int:
    """Encode and store one batch; when it fails, find the passages that are to blame."""
    texts = [encoder.card.passage_text(text) for text in batch.texts]
    try:
        vectors = encoder.encode(texts)
    except (ValueError, RuntimeError) as failure:
        if len(texts) == 1:
            log.warning("Passage %s cannot be embedded: %s", batch.passage_ids[0], failure)
            services.give_back(index, batch.passage_ids, reason=str(failure))
            return 0
        halves = (slice(None, len(texts) // 2), slice(len(texts) // 2, None))
        return sum(
            _embed(index, encoder, services.Batch(batch.passage_ids[half], batch.texts[half])) for half in halves
        )
    return services.store_vectors(index, batch.passage_ids, vectors)
