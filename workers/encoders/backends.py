"""The engines that compute, and which of them a machine should use."""

import logging
import time
from importlib.util import find_spec
from pathlib import Path

from apps.retrievers.backends import ENGINES, check_backend
from apps.retrievers.calibrations import (
    Calibration,
    calibration_file,
    read_calibration,
    this_machine,
    write_calibration,
)
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from workers.encoders.base import Encoder, EncoderUnavailable, Workload
from workers.encoders.exported import locked

logger = logging.getLogger(__name__)

#: Above this (millions) torch alone is asked: a graph in full precision would pass what one ONNX file may hold.
_LARGEST_GRAPH = 400
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg")  # the driver's own; the second under Windows


def open_backend(card: RetrieverCard, checkpoint: Checkpoint, *, backend: str, device: str = "auto") -> Encoder:
    """Open `card` with one backend: an engine ("torch") in its best precision, or one of BACKENDS."""
    check_backend(backend)
    engine, _, precision = backend.partition("-")
    if find_spec(ENGINES[engine]) is None:
        raise EncoderUnavailable(f"The backend {backend} needs the package {ENGINES[engine]}.")
    if engine == "torch":
        from workers.encoders.torch_backend import open_torch

        return open_torch(card, checkpoint, device=device, precision=precision or "auto")
    if engine == "openvino":
        from workers.encoders.openvino_backend import open_openvino

        return open_openvino(card, checkpoint, precision=precision or "auto")
    from workers.encoders.onnx_backend import open_onnx

    return open_onnx(card, checkpoint)


def choose_backend(card: RetrieverCard, checkpoint: Checkpoint, *, device: str, workload: Workload) -> str:
    """Return the backend for this device and workload, measured once a machine and remembered."""
    if card.parameters > _LARGEST_GRAPH or device not in ("auto", "cpu") or (device == "auto" and _has_gpu()):
        return "torch"
    with locked(calibration_file(card, checkpoint.revision).with_suffix(".lock")):
        known = read_calibration(card, checkpoint.revision)
        if known is None:
            known = calibrate(card, checkpoint)
            write_calibration(card, checkpoint.revision, known)
    return known.fastest(workload)


def calibrate(card: RetrieverCard, checkpoint: Checkpoint) -> Calibration:
    """Measure every engine that is installed here, a second or two each."""
    passages, queries = {}, {}
    for engine in ENGINES:
        try:
            encoder = open_backend(card, checkpoint, backend=engine, device="cpu")
        except EncoderUnavailable as unavailable:
            logger.warning("%s is left out: %s", engine, unavailable)
            continue
        passages[encoder.backend] = texts_a_second(encoder, tokens=256, batch=8, rounds=2)
        queries[encoder.backend] = texts_a_second(encoder, tokens=12, batch=1, rounds=20)
        logger.info(
            "%s: %s passages/s, %s queries/s", encoder.backend, passages[encoder.backend], queries[encoder.backend]
        )
    if not passages:
        raise EncoderUnavailable(f"No engine here can run {card.name}: the log says why.")
    return Calibration(machine=this_machine(), passages=passages, queries=queries)


def texts_a_second(encoder: Encoder, *, tokens: int, batch: int, rounds: int) -> float:
    """Return the rate of the best of `rounds` batches, after one to warm up."""
    texts = [text_of(tokens)] * batch
    encoder.encode(texts)
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        encoder.encode(texts)
        seconds.append(time.perf_counter() - started)
    return round(batch / min(seconds), 1)


def text_of(tokens: int) -> str:
    """Return a text of about so many tokens in any of the family's vocabularies."""
    return " ".join(["water"] * (tokens - 2))


def _has_gpu() -> bool:
    """Tell whether a CUDA device is there, without loading torch where there cannot be one."""
    if find_spec("torch") is None or not any(Path(device).exists() for device in _GPU_DEVICES):
        return False
    import torch

    return torch.cuda.is_available()
