"""The engines that compute, and which of them a machine should use."""

import logging
import time
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from apps.retrievers.backends import ENGINES, INT8, UNPROVEN_INT8, check_backend
from apps.retrievers.calibrations import (
    Calibration,
    calibration_file,
    read_calibration,
    this_machine,
    usable_cores,
    write_calibration,
)
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from apps.retrievers.gates import read_gate
from workers.encoders.base import Encoder, EncoderUnavailable, Workload
from workers.encoders.exported import locked

logger = logging.getLogger(__name__)

#: Above this (millions) torch alone is asked: a graph in full precision would pass what one ONNX file may hold.
_LARGEST_GRAPH = 400
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg")  # the driver's own; the second under Windows


def open_backend(
    card: RetrieverCard, checkpoint: Checkpoint, *, backend: str, device: str = "auto", workload: Workload = "passages"
) -> Encoder:
    """Open `card` with one backend: an engine ("torch") in its best precision, or one of BACKENDS."""
    check_backend(backend)
    engine, _, precision = backend.removesuffix("-unproven").partition("-")
    if find_spec(ENGINES[engine]) is None:
        raise EncoderUnavailable(f"The backend {backend} needs the package {ENGINES[engine]}.")
    if engine == "torch":
        from workers.encoders.torch_backend import open_torch

        return open_torch(card, checkpoint, device=device, precision=precision or "auto")
    if engine == "openvino":
        from workers.encoders.openvino_backend import open_openvino

        return open_openvino(card, checkpoint, precision=precision or "auto", workload=workload)
    from workers.encoders.onnx_backend import open_onnx

    return open_onnx(card, checkpoint)


def choose_backend(card: RetrieverCard, checkpoint: Checkpoint, *, device: str, workload: Workload) -> str:
    """Return the backend for this device and workload, measured once a machine and remembered."""
    if card.parameters > _LARGEST_GRAPH or device not in ("auto", "cpu") or (device == "auto" and _has_gpu()):
        return "torch"
    if (gate := read_gate(card, checkpoint.revision)) and gate.passed:
        return INT8
    with locked(calibration_file(card, checkpoint.revision).with_suffix(".lock")):
        known = read_calibration(card, checkpoint.revision)
        if known is None:
            known = calibrate(card, checkpoint)
            write_calibration(card, checkpoint.revision, known)
    return known.fastest(workload)


def require_proof(card: RetrieverCard, checkpoint: Checkpoint) -> None:
    """Raise EncoderUnavailable unless int8 is proven to be worth it for this model on this machine."""
    gate = read_gate(card, checkpoint.revision)
    if gate and gate.passed:
        return
    found = gate.summary() if gate else f"not measured: `manage.py models gate {card.name} --sets FOLDER...` does it"
    raise EncoderUnavailable(
        f"{INT8} with {card.name} here is {found}. ENCODER_BACKEND=auto takes the fastest that keeps the ranking;"
        f" {UNPROVEN_INT8} takes int8 all the same."
    )


def calibrate(card: RetrieverCard, checkpoint: Checkpoint) -> Calibration:
    """Measure every engine that is installed here, a second or two each."""
    passages, queries = {}, {}
    for engine in ENGINES:
        opened = partial(open_backend, card, checkpoint, backend=engine, device="cpu")
        try:
            bulk, single = opened(workload="passages"), opened(workload="queries")
        except EncoderUnavailable as unavailable:
            logger.warning("%s is left out: %s", engine, unavailable)
            continue
        name = bulk.backend
        passages[name] = texts_a_second(bulk, tokens=256, batch=8 * usable_cores(), rounds=2)
        queries[name] = texts_a_second(single, tokens=12, batch=1, rounds=20)
        logger.info("%s: %s passages/s, %s queries/s", name, passages[name], queries[name])
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


def passages_a_second(encoders: Sequence[Encoder], *, rounds: int = 8) -> dict[str, float]:
    """Return the best rate of each by its backend's name; they take turns, so a busy moment favours none."""
    best = dict.fromkeys((encoder.backend for encoder in encoders), 0.0)
    for _ in range(rounds):
        for encoder in encoders:
            rate = texts_a_second(encoder, tokens=256, batch=16 * usable_cores(), rounds=1)
            best[encoder.backend] = max(best[encoder.backend], rate)
    return best


def text_of(tokens: int) -> str:
    """Return a text of about so many tokens in any of the family's vocabularies."""
    return " ".join(["water"] * (tokens - 2))


def _has_gpu() -> bool:
    """Tell whether a CUDA device is there, without loading torch where there cannot be one."""
    if find_spec("torch") is None or not any(Path(device).exists() for device in _GPU_DEVICES):
        return False
    import torch

    return torch.cuda.is_available()
