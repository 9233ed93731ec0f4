"""How text becomes a vector.

    encoder = get_encoder(get_card("DMRetriever-33M"))
    vectors = encoder.encode([encoder.card.query_text("Which levees failed?", Intent.QA)])

The way of a text: its card adds the prompt it was trained with (`apps.retrievers`), `tokenizing`
cuts it into the model's tokens, `batches` puts texts of a length together, a backend runs the
transformer that `loading` read, and `pooling` makes one unit vector of its hidden states.
"""

import sys
from functools import lru_cache
from pathlib import Path

from apps.retrievers.backends import INT8, is_server
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import find_checkpoint, get_checkpoint
from apps.retrievers.family import STAND_INS
from workers.encoders.backends import choose_backend, open_backend, require_proof
from workers.encoders.base import Encoder, EncoderUnavailable, Workload
from workers.encoders.hashing import HashingEncoder
from workers.encoders.remote import RemoteEncoder

__all__ = ["Encoder", "EncoderUnavailable", "get_encoder"]

#: OpenVINO and NNCF tell their maker about each use unless this package is missing: here it is.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


@lru_cache(maxsize=4)
def get_encoder(
    card: RetrieverCard,
    *,
    device: str = "auto",
    backend: str = "auto",
    folder: Path | None = None,
    workload: Workload = "passages",
) -> Encoder:
    """Return the encoder of `card`, loaded once a process.

    backend: "auto" takes what was measured fastest here for the workload; else an engine ("torch",
    "openvino", "onnx"), one of apps.retrievers.backends.BACKENDS, or the URL of a server that has the model. Raises
    CheckpointMissing or EncoderUnavailable, whose messages are for people.
    """
    if card in STAND_INS:
        return HashingEncoder(card)
    if is_server(backend):
        return RemoteEncoder(card, backend, checkpoint=find_checkpoint(card, folder=folder))
    checkpoint = get_checkpoint(card, folder=folder)
    if backend == INT8:
        require_proof(card, checkpoint)
    if backend == "auto":
        backend = choose_backend(card, checkpoint, device=device, workload=workload)
    return open_backend(card, checkpoint, backend=backend, device=device, workload=workload)
