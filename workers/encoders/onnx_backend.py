"""ONNX Runtime: light to start, quick on single queries. Needs torch only to write the graph."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from apps.retrievers.calibrations import usable_cores
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from workers.encoders.base import Forward, TokenIds, Vectors
from workers.encoders.batched import BatchedEncoder, proven_encoder
from workers.encoders.exported import graph_folder

_GRAPH = "model.onnx"
_OPSET = 17  # the last whose attention onnxruntime's optimizer fuses


def open_onnx(card: RetrieverCard, checkpoint: Checkpoint) -> BatchedEncoder:
    """Open `card` in full precision on the CPU."""
    engine = f"onnx-{onnxruntime.__version__}"
    folder = graph_folder(card, checkpoint, engine=engine, write=lambda into: _write(card, checkpoint, into))
    return proven_encoder(card, checkpoint, forward=_forward_through(folder / _GRAPH), backend="onnx-fp32")


def _forward_through(graph: Path) -> Forward:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()  # by itself it counts the machine's, not this process's
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def forward(ids: TokenIds, mask: TokenIds) -> Vectors:
        return np.asarray(session.run(None, {"input_ids": ids, "attention_mask": mask})[0])

    return forward


def _write(card: RetrieverCard, checkpoint: Checkpoint, folder: Path) -> None:
    import torch

    from workers.encoders.graph import example_inputs, load_graph

    graph = load_graph(card, checkpoint, attention="eager")
    inputs = example_inputs()
    plain = folder / "plain.onnx"
    torch.onnx.export(
        graph,
        tuple(inputs.values()),
        str(plain),
        input_names=list(inputs),
        output_names=["vectors"],
        dynamic_axes={name: {0: "texts", 1: "tokens"} for name in inputs} | {"vectors": {0: "texts"}},
        opset_version=_OPSET,
        dynamo=False,
    )
    _fused(plain, heads=graph.model.config.num_attention_heads, dim=card.dim).save_model_to_file(str(folder / _GRAPH))
    plain.unlink()


def _fused(plain: Path, *, heads: int, dim: int) -> Any:
    """Join attention, layer norm and GELU of a BERT into single steps; other models keep theirs."""
    from onnxruntime.transformers import optimizer

    return optimizer.optimize_model(str(plain), model_type="bert", num_heads=heads, hidden_size=dim)
