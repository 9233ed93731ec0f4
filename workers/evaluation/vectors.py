"""Embed texts for somebody who loads no model: JSON lines of text in, a NumPy array out.

Vectors come from the store that evaluations fill, so no text is encoded twice and a killed run goes on.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.retrievers.naming import named_retriever
from workers.encoders import EncoderUnavailable, get_encoder
from workers.evaluation.progress import log_progress
from workers.evaluation.report import default_folder
from workers.vector_store import VectorStore


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.evaluation.vectors", description=__doc__)
    parser.add_argument("texts", type=Path, help="a JSON string a line, with the prompts the model wants")
    parser.add_argument("vectors", type=Path, help="float32 (lines, dim) is written here, as .npy")
    parser.add_argument("--model", help="a card's name or a checkpoint's folder (default: the product's)")
    parser.add_argument("--workload", choices=("passages", "queries"), default="passages")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--folder", type=Path, default=default_folder(), help="where embeddings are kept")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        _embed(options)
    except (OSError, ValueError, LookupError, EncoderUnavailable) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


def _embed(options: argparse.Namespace) -> None:
    card, checkpoint = named_retriever(options.model)
    encoder = get_encoder(
        card, device=options.device, backend=options.backend, folder=checkpoint, workload=options.workload
    )
    with options.texts.open(encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    store = VectorStore(options.folder / "embeddings", encoder)
    np.save(options.vectors, store.embed(texts, advance=log_progress(len(texts))).in_memory())


if __name__ == "__main__":
    sys.exit(main())
