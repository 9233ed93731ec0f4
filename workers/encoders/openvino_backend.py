"""OpenVINO: the fastest on CPUs. Needs torch only the first time, to write the graph."""

from pathlib import Path
from queue import SimpleQueue

import numpy as np
import openvino

from apps.retrievers.calibrations import usable_cores
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from apps.retrievers.gates import int8_engine
from workers.encoders.base import Forward, TokenIds, Vectors, Workload
from workers.encoders.batched import BatchedEncoder, Capacity, proven_encoder
from workers.encoders.exported import graph_folder

_HINTS = {"fp32": "f32", "bf16": "bf16"}
_GRAPH = "model.xml"
#: Of one batch. What it computes on the way then stays in a core's own cache: measured best of 256 to 4,096.
_TOKENS_A_STREAM = 1_024


def open_openvino(
    card: RetrieverCard, checkpoint: Checkpoint, *, precision: str = "auto", workload: Workload = "passages"
) -> BatchedEncoder:
    """Compile `card` for this CPU in `precision` (fp32, bf16, int8; auto takes bf16 where the CPU computes in it).

    Passages: a core a batch, so that no core waits for another. Queries: all the cores at one batch.
    """
    core = openvino.Core()
    best = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"
    precision = best if precision == "auto" else precision
    folder = _folder_of_graph(card, checkpoint, precision=precision)
    threads = usable_cores()
    if card.architecture == "decoder":
        threads = max(2, threads)  # compiling one in bf16 for a single thread ends the process (OpenVINO 2026.4)
    streams = threads if workload == "passages" and card.architecture == "encoder" else 1
    return proven_encoder(
        card,
        checkpoint,
        forward=_forward_through(
            core, folder / _GRAPH, hint=_HINTS.get(precision, _HINTS[best]), streams=streams, threads=threads
        ),
        backend=f"openvino-{precision}",
        capacity=Capacity(tokens=_TOKENS_A_STREAM, batches=streams),
    )


def _folder_of_graph(card: RetrieverCard, checkpoint: Checkpoint, *, precision: str) -> Path:
    """Return where the graph lies, written if need be: one for every precision but int8, which is made of it."""
    engine = f"openvino-{openvino.__version__.split('-')[0]}"
    plain = graph_folder(card, checkpoint, engine=engine, write=lambda into: _write(card, checkpoint, into))
    if precision != "int8":
        return plain

    def quantize(into: Path) -> None:
        from workers.encoders.quantizing import write_int8

        write_int8(card, checkpoint, plain / _GRAPH, into=into / _GRAPH)

    return graph_folder(card, checkpoint, engine=int8_engine(), write=quantize)


def _forward_through(core: openvino.Core, graph: Path, *, hint: str, streams: int, threads: int) -> Forward:
    options = {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": threads}
    compiled = core.compile_model(graph, "CPU", options)
    idle: SimpleQueue[openvino.InferRequest] = SimpleQueue()
    for _ in range(streams):
        idle.put(compiled.create_infer_request())

    def forward(ids: TokenIds, mask: TokenIds) -> Vectors:
        request = idle.get()
        try:
            answer = request.infer({"input_ids": ids, "attention_mask": mask})
            return np.array(answer[0], dtype=np.float32)
        except RuntimeError as error:
            if "alloc" not in str(error):
                raise
            raise MemoryError(f"a batch of {ids.shape[0]} texts of {ids.shape[1]} tokens") from error
        finally:
            idle.put(request)

    return forward


def _write(card: RetrieverCard, checkpoint: Checkpoint, folder: Path) -> None:
    from workers.encoders.graph import example_inputs, load_graph

    inputs = [(name, [-1, -1], openvino.Type.i64) for name in ("input_ids", "attention_mask")]
    model = openvino.convert_model(load_graph(card, checkpoint), example_input=example_inputs(), input=inputs)
    openvino.save_model(model, folder / _GRAPH, compress_to_fp16=False)
