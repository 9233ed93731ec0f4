"""Whether int8 may be used with a model on this machine: NDCG@10 and speed beside the backend it would replace.

The verdict is kept where the encoders look for it (`apps.retrievers.gates`).
"""

import argparse
import json
import logging
import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from apps.retrievers.backends import INT8
from apps.retrievers.calibrations import this_machine
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint, get_checkpoint
from apps.retrievers.gates import Gate, Scores, gate_file, write_gate
from apps.retrievers.intents import Intent
from apps.retrievers.naming import named_retriever
from workers.encoders import Encoder, EncoderUnavailable
from workers.encoders.backends import open_backend, passages_a_second
from workers.evaluation.beir import read_beir
from workers.evaluation.collection import Collection
from workers.evaluation.dense import DenseRetrieval
from workers.evaluation.documents import splitter_for
from workers.evaluation.evaluate import Evaluation, evaluate
from workers.evaluation.report import default_folder
from workers.vector_store import VectorStore

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.evaluation.gate", description=__doc__)
    parser.add_argument("name", help="a card's name or a checkpoint's folder")
    parser.add_argument("--sets", type=Path, nargs="+", required=True, metavar="FOLDER", help="BEIR folders")
    parser.add_argument("--checkpoint-folder", type=Path, help="default: $RETRIEVER_FOLDER")
    parser.add_argument("--folder", type=Path, default=default_folder(), help="where embeddings are kept")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("nncf").setLevel(logging.WARNING)
    try:
        card, folder = named_retriever(options.name)
        checkpoint = get_checkpoint(card, folder=folder or options.checkpoint_folder)
        collections = [read_beir(folder) for folder in options.sets]
        gate = measure(card, checkpoint, collections, embeddings=options.folder / "embeddings")
    except (OSError, ValueError, LookupError, EncoderUnavailable) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    write_gate(card, checkpoint.revision, gate)
    facts = {**asdict(gate), "lost": gate.lost, "ratio": gate.ratio, "passed": gate.passed, "summary": gate.summary()}
    sys.stdout.write((json.dumps(facts) if options.json else table(gate)) + "\n")
    return 0


def measure(
    card: RetrieverCard, checkpoint: Checkpoint, collections: Sequence[Collection], *, embeddings: Path
) -> Gate:
    """Score both backends on every collection and time them; an interrupted run goes on where it was."""
    peer = open_backend(card, checkpoint, backend="openvino")
    int8 = open_backend(card, checkpoint, backend=INT8)
    ours = gate_file(card, checkpoint.revision).parent / "embeddings"  # of this very graph, and of no other
    splitter = splitter_for(card, checkpoint=checkpoint.path)

    def score(encoder: Encoder, store: Path, collection: Collection) -> Evaluation:
        retrieval = DenseRetrieval(encoder, VectorStore(store, encoder), splitter=splitter)
        evaluation, _ = evaluate(collection, retrieval)
        logger.info("%s, %s: NDCG@10 %.4f", collection.name, encoder.backend, evaluation.average)
        return evaluation

    found = {
        collection.name: (score(int8, ours, collection), score(peer, embeddings, collection))
        for collection in collections
    }
    gate = Gate(
        machine=this_machine(),
        peer=peer.backend,
        sets={name: _scores(int8.average, peer.average) for name, (int8, peer) in found.items()},
        intents=by_intent(found),
        queries=sum(len(int8.scores) for int8, _ in found.values()),
        passages_per_s=passages_a_second([peer, int8]),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    shutil.rmtree(ours, ignore_errors=True)
    return gate


def by_intent(found: Mapping[str, tuple[Evaluation, Evaluation]]) -> dict[str, Scores]:
    """Return each intent's mean over the sets that have it."""
    lists: dict[Intent, list[tuple[float, float]]] = defaultdict(list)
    for int8, peer in found.values():
        theirs = peer.intent_scores()
        for intent, score in int8.intent_scores().items():
            lists[intent].append((score, theirs[intent]))
    return {
        str(intent): _scores(fmean(int8 for int8, _ in pairs), fmean(peer for _, peer in pairs))
        for intent, pairs in lists.items()
    }


def table(gate: Gate) -> str:
    """Draw a line a set and a line an intent."""
    lines = [f"| NDCG@10 | {gate.peer} | {INT8} | lost |", "|---|---|---|---|"]
    for name, scores in (*gate.sets.items(), *gate.intents.items(), ("mean of the intents", _mean(gate))):
        lines.append(f"| {name} | {scores.peer:.2f} | {scores.int8:.2f} | {scores.lost:+.2f} |")
    rates = ", ".join(f"{name} {rate}" for name, rate in gate.passages_per_s.items())
    return "\n".join([*lines, "", f"Passages a second: {rates}. int8 is {gate.summary()}."])


def _mean(gate: Gate) -> Scores:
    both = gate.intents.values()
    return Scores(int8=fmean(scores.int8 for scores in both), peer=fmean(scores.peer for scores in both))


def _scores(int8: float, peer: float) -> Scores:
    return Scores(int8=round(100 * int8, 3), peer=round(100 * peer, 3))


if __name__ == "__main__":
    sys.exit(main())
