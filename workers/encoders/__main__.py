"""python -m workers.encoders check | export | rate | bench: the encoders by themselves, without Django."""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from apps.retrievers.backends import UnknownBackend
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint, CheckpointMissing, default_card, get_checkpoint
from apps.retrievers.family import UnknownRetriever, get_card
from apps.retrievers.gates import int8_verdict
from apps.retrievers.intents import Intent
from apps.retrievers.naming import known_by, named_retriever
from workers.encoders import EncoderUnavailable, get_encoder

_AT_A_TIME = 128
_TIMED = ("torch-fp32", "torch-bf16", "openvino-fp32", "openvino-bf16", "onnx-fp32")  # int8 if asked for: it needs nncf


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (CheckpointMissing, EncoderUnavailable, UnknownBackend, UnknownRetriever) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


def check(options: argparse.Namespace) -> None:
    """Load a model, which tests it, and say what it is and how long a query takes."""
    card, named = named_retriever(options.name)
    folder = named or options.checkpoint_folder
    started = time.perf_counter()
    encoder = get_encoder(card, device=options.device, backend=options.backend, folder=folder, workload="queries")
    loaded_s = time.perf_counter() - started
    started = time.perf_counter()
    vectors = encoder.encode([card.query_text("Which levees failed?", intent) for intent in Intent])
    facts = {
        "name": card.name,
        **({"known_by": known_by(named, card)} if named else {}),
        "revision": encoder.revision,
        "backend": encoder.backend,
        "int8": int8_verdict(card, encoder.revision),
        "dim": int(vectors.shape[1]),
        "unit_length": bool(np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)),
        "intents_differ": bool(np.abs(vectors[1:] - vectors[0]).max() > 1e-3),
        "load_s": round(loaded_s, 2),
        "six_queries_ms": round(1000 * (time.perf_counter() - started), 1),
    }
    _write(json.dumps(facts) if options.json else "\n".join(f"{key:15} {value}" for key, value in facts.items()))


def export(options: argparse.Namespace) -> None:
    """Write a sentence-transformers folder."""
    from workers.encoders.export import export as export_folder

    card, folder = _named(options)
    checkpoint = get_checkpoint(card, folder=folder)
    scores = _scores(options.scores) if options.scores else {}
    export_folder(card, checkpoint, options.folder, scores=scores)
    facts = {"name": card.name, "revision": checkpoint.revision, "path": str(options.folder)}
    _write(json.dumps(facts) if options.json else f"{card.name} is in {options.folder}")


def rate(options: argparse.Namespace) -> None:
    """Encode the texts of a file as an embed worker would, and say how many a second."""
    card, folder = _named(options)
    encoder = get_encoder(card, device=options.device, backend=options.backend, folder=folder)
    texts = [card.passage_text(json.loads(line)) for line in options.file.read_text(encoding="utf-8").splitlines()]
    encoder.encode(texts[:_AT_A_TIME])
    started = time.perf_counter()
    for start in range(0, len(texts), _AT_A_TIME):
        encoder.encode(texts[start : start + _AT_A_TIME])
    passages_per_s = round(len(texts) / (time.perf_counter() - started), 2)
    facts = {"name": card.name, "backend": encoder.backend, "passages_per_s": passages_per_s}
    _write(json.dumps(facts))


def bench(options: argparse.Namespace) -> None:
    """Time the backends."""
    if options.one_core:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded
    from workers.encoders.bench import bench as time_backends

    card = get_card(options.name) if options.name else default_card(folder=options.checkpoint_folder)
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = _checkpoint_to_time(card, options, Path(scratch))
        clock = time.process_time if options.one_core else time.perf_counter
        report = time_backends(card, checkpoint, backends=options.backends, rounds=options.rounds, clock=clock)
    _write(report.as_json() if options.json else report.as_table())


def _checkpoint_to_time(card: RetrieverCard, options: argparse.Namespace, scratch: Path) -> Checkpoint:
    if not options.random_weights:
        return get_checkpoint(card, folder=options.checkpoint_folder)
    from workers.encoders.stand_in import random_checkpoint

    os.environ["DMSEARCH_CACHE"] = str(scratch / "cache")  # graphs of random weights are nobody's
    return random_checkpoint(card, scratch / card.name)


def _named(options: argparse.Namespace) -> tuple[RetrieverCard, Path | None]:
    card, folder = named_retriever(options.name)
    return card, folder or options.checkpoint_folder


def _scores(path: Path) -> dict[str, float]:
    """Return NDCG@10 in percent by intent, the mean over the sets of an evaluation's JSON lines."""
    by_intent = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        for intent, measures in json.loads(line)["intents"].items():
            by_intent[intent].append(100 * measures["ndcg@10"])
    return {intent: sum(values) / len(values) for intent, values in by_intent.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.encoders", description=__doc__)
    actions = parser.add_subparsers(required=True)
    checking = _action(actions, "check", run=check)
    checking.add_argument("name")
    checking.add_argument("--device", default="auto")
    checking.add_argument("--backend", default="auto")
    exporting = _action(actions, "export", run=export)
    exporting.add_argument("name")
    exporting.add_argument("folder", type=Path)
    exporting.add_argument("--scores", type=Path, help="what `python -m workers.evaluation … --json` printed")
    rating = _action(actions, "rate", run=rate)
    rating.add_argument("name")
    rating.add_argument("file", type=Path, help="a JSON string a line")
    rating.add_argument("--device", default="auto")
    rating.add_argument("--backend", default="auto")
    benching = _action(actions, "bench", run=bench)
    benching.add_argument("name", nargs="?", help="default: the product's model")
    benching.add_argument("--backends", nargs="+", default=_TIMED, metavar="BACKEND")
    benching.add_argument("--rounds", type=int, default=5)
    benching.add_argument("--one-core", action="store_true", help="count processor seconds: for a machine in use")
    benching.add_argument("--random-weights", action="store_true", help="time the shape of a model that is not here")
    return parser


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, *, run: object
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=run.__doc__)
    action.set_defaults(run=run)
    action.add_argument("--checkpoint-folder", type=Path, help="default: $RETRIEVER_FOLDER")
    action.add_argument("--json", action="store_true")
    return action


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
