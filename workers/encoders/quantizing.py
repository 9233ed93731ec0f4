"""Making an int8 graph of a graph in full precision: weights and what flows between layers are rounded to 8 bits.

Needs the package nncf (requirements/int8.txt), once; the graph is then read without it.
"""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import openvino

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from workers.encoders.base import EncoderUnavailable
from workers.encoders.tokenizing import TextTokenizer, padded

_EXERCISE = Path(__file__).parents[2] / "apps" / "corpora" / "exercise"
_TEXTS = 300  #: enough to see the range of what flows between layers


def write_int8(card: RetrieverCard, checkpoint: Checkpoint, graph: Path, *, into: Path) -> None:
    """Quantise the encoder in `graph`, its ranges seen on texts of the exercise."""
    if find_spec("nncf") is None:
        raise EncoderUnavailable("To make an int8 graph, install nncf: pip install -r requirements/int8.txt")
    if card.architecture == "decoder":
        raise EncoderUnavailable(f"int8 is for encoders: {card.name} is a decoder.")
    import nncf

    tokenizer = TextTokenizer(card, checkpoint.path)
    rows = tokenizer.token_ids(list(sample_texts()))
    names = ("input_ids", "attention_mask")
    batches = [dict(zip(names, padded([row], pad_id=tokenizer.pad_id), strict=True)) for row in rows]
    model = nncf.quantize(
        openvino.Core().read_model(graph),
        nncf.Dataset(batches),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(batches),
    )
    openvino.save_model(model, into, compress_to_fp16=False)


def sample_texts() -> Iterator[str]:
    """Yield texts of every length that the product meets: queries, tweets, sections, whole reports."""
    texts = [query["text"] for query in json.loads((_EXERCISE / "queries.json").read_text(encoding="utf-8"))]
    for name in ("tweets", "claims", "statements"):
        lines = (_EXERCISE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        texts += [json.loads(line)["text"] for line in lines]
    reports = [path.read_text(encoding="utf-8") for path in sorted(_EXERCISE.glob("*/*.md"))]
    texts += [part for report in reports for part in (report, *report.split("\n\n## "))]
    step = max(1, len(texts) // _TEXTS)
    yield from texts[::step][:_TEXTS]
