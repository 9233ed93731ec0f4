"""How text becomes a vector.

    encoder = get_encoder(get_card("DMRetriever-33M"))
    vectors = encoder.encode([encoder.card.query_text("Which levees failed?", Intent.QA)])

The way of a text: its card adds the prompt it was trained with (`apps.retrievers`), `tokenizing`
cuts it into the model's tokens, `batches` puts texts of a length together, a backend runs the
transformer that `loading` read, and `pooling` makes one unit vector of its hidden states.
"""

from functools import lru_cache
from pathlib import Path

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import get_checkpoint
from apps.retrievers.family import HASHING
from workers.encoders.base import Encoder, EncoderUnavailable
from workers.encoders.hashing import HashingEncoder

__all__ = ["Encoder", "EncoderUnavailable", "get_encoder"]


@lru_cache(maxsize=4)
def get_encoder(
    card: RetrieverCard, *, device: str = "auto", backend: str = "auto", folder: Path | None = None
) -> Encoder:
    """Return the encoder of `card`, loaded once a process.

    backend: "torch", or "torch-fp32", "torch-bf16", "torch-fp16". Raises CheckpointMissing or
    EncoderUnavailable, whose messages are for people.
    """
    if card == HASHING:
        return HashingEncoder()
    from workers.encoders.torch_backend import open_torch

    checkpoint = get_checkpoint(card, folder=folder)
    _, _, precision = backend.partition("-")
    return open_torch(card, checkpoint, device=device, precision=precision or "auto")
