"""How quick this machine is with a model: what an estimate goes by."""

import time
from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.indexing import jobs
from apps.indexing.measured import EncodingRate, Measurement
from apps.indexing.sampling import some_passages
from apps.retrievers.checkpoints import CheckpointMissing
from apps.retrievers.family import UnknownRetriever
from apps.retrievers.naming import card_called
from workers.encoders import EncoderUnavailable, get_encoder
from workers.encoders.base import Encoder
from workers.tasks.embed import worker_name

SAMPLE = 64
# The first batch fills caches and is not counted.
WARM_UP = 8
# With no passage there yet, a text about as long as one.
_STAND_IN = "The levee at the lower gauge failed at dawn and the road to the shelter is under water. " * 8


@shared_task(name=jobs.MEASURE_RATE)
def measure_rate(*, rate_id: int, **_: object) -> None:
    """Encode a sample of our passages and note how many that is a second, or why it could not be done."""
    rate = EncodingRate.objects.filter(pk=rate_id, state=Measurement.WAITING).first()
    if rate is None:
        return
    folder = Path(rate.checkpoint) if rate.checkpoint else None
    try:
        encoder = get_encoder(
            card_called(rate.retriever, folder),
            device=settings.ENCODER_DEVICE,
            backend=settings.ENCODER_BACKEND,
            folder=folder or settings.RETRIEVER_FOLDER,
        )
        rate.passages_per_s, rate.sample = _measure(encoder)
    except (CheckpointMissing, UnknownRetriever, EncoderUnavailable, ValueError, RuntimeError) as failure:
        rate.state, rate.reason = Measurement.FAILED, str(failure)
    else:
        rate.state, rate.revision = Measurement.DONE, encoder.revision
    rate.worker = worker_name()
    rate.finished_at = timezone.now()
    rate.save()


def _measure(encoder: Encoder) -> tuple[float, int]:
    texts = [encoder.card.passage_text(text) for text in some_passages(SAMPLE) or [_STAND_IN] * SAMPLE]
    encoder.encode(texts[:WARM_UP])
    started = time.perf_counter()
    encoder.encode(texts)
    return len(texts) / (time.perf_counter() - started), len(texts)
