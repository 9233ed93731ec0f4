"""OpenVINO: the fastest on CPUs. Needs torch only the first time, to write the graph."""

from pathlib import Path

import numpy as np
import openvino

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from workers.encoders.base import Forward, TokenIds, Vectors
from workers.encoders.batched import BatchedEncoder, proven_encoder
from workers.encoders.exported import graph_folder

_HINTS = {"fp32": "f32", "bf16": "bf16"}
_GRAPH = "model.xml"


def open_openvino(card: RetrieverCard, checkpoint: Checkpoint, *, precision: str = "auto") -> BatchedEncoder:
    """Compile `card` for this CPU in `precision` (fp32, bf16; auto takes bf16 where the CPU computes in it)."""
    core = openvino.Core()
    if precision == "auto":
        precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"
    engine = f"openvino-{openvino.__version__.split('-')[0]}"
    folder = graph_folder(card, checkpoint, engine=engine, write=lambda into: _write(card, checkpoint, into))
    forward = _forward_through(core, folder / _GRAPH, hint=_HINTS[precision])
    return proven_encoder(card, checkpoint, forward=forward, backend=f"openvino-{precision}")


def _forward_through(core: openvino.Core, graph: Path, *, hint: str) -> Forward:
    # One stream: our batches are full, and a lone query wants all the cores.
    compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": "1"})

    def forward(ids: TokenIds, mask: TokenIds) -> Vectors:
        return np.array(compiled({"input_ids": ids, "attention_mask": mask})[0], dtype=np.float32)

    return forward


def _write(card: RetrieverCard, checkpoint: Checkpoint, folder: Path) -> None:
    from workers.encoders.graph import example_inputs, load_graph

    inputs = [(name, [-1, -1], openvino.Type.i64) for name in ("input_ids", "attention_mask")]
    model = openvino.convert_model(load_graph(card, checkpoint), example_input=example_inputs(), input=inputs)
    openvino.save_model(model, folder / _GRAPH, compress_to_fp16=False)
