"""Evaluate a model alone on test collections. Needs no Django and no database."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from apps.retrievers.fusion import check_shares
from apps.retrievers.intents import Intent
from apps.retrievers.naming import named_retriever
from workers.encoders import EncoderUnavailable, get_encoder
from workers.evaluation.baseline import BaselineRetrieval, LibraryRetrieval
from workers.evaluation.beir import read_beir
from workers.evaluation.collection import Collection
from workers.evaluation.dense import DenseRetrieval
from workers.evaluation.disastir import read_disastir
from workers.evaluation.documents import Splitter, splitter_for
from workers.evaluation.evaluate import Evaluation, Results, evaluate
from workers.evaluation.lexical import LexicalRetrieval
from workers.evaluation.report import default_folder, summary_table
from workers.evaluation.retrieval import HybridRetrieval, Retrieval
from workers.evaluation.shares import sweep, table
from workers.evaluation.trec import RunFile, read_trec, write_run
from workers.records import write_jsonl
from workers.vector_store import VectorStore

RETRIEVALS = ("dense", "lexical", "hybrid", "bm25", "bm25-passages")

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    try:
        if options.export:
            return _export(options)
        if options.sweep_shares:
            return _sweep(options)
        retrieval = _retrieval(options)
        evaluations = [_evaluate(folder, retrieval, options) for folder in options.folders]
    except (OSError, ValueError, LookupError, EncoderUnavailable) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    if options.json:
        text = "\n".join(json.dumps(evaluation.summary(), ensure_ascii=False) for evaluation in evaluations)
    else:
        text = summary_table(evaluations)
    sys.stdout.write(f"{text}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.evaluation", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="a test collection")
    parser.add_argument("--format", choices=("beir", "disastir", "trec"), default="beir")
    parser.add_argument("--intent", type=Intent, help="of queries that name none (BEIR, TREC)")
    parser.add_argument("--model", help="a card's name or a checkpoint's folder (default: the product's)")
    parser.add_argument("--retrieval", choices=RETRIEVALS, default="dense")
    parser.add_argument("--fusion", choices=("scores", "ranks"), default="scores", help="of the arms of hybrid")
    parser.add_argument(
        "--dense-share",
        nargs="+",
        type=_share,
        default=(),
        metavar="INTENT=SHARE",
        help="of the dense arm in hybrid, 0 to 1, for these intents (default: the product's)",
    )
    parser.add_argument("--sweep-shares", action="store_true", help="tell which shares suit the model, by intent")
    parser.add_argument("--score-run", type=Path, metavar="FILE", help="score this TREC run; retrieve nothing")
    parser.add_argument(
        "--system", type=json.loads, default={}, metavar="JSON", help="what made the run of --score-run"
    )
    parser.add_argument("--took", type=float, metavar="SECONDS", help="how long it took to make that run")
    parser.add_argument("--export", type=Path, metavar="OUT", help="write the passages and queries there as BEIR does")
    parser.add_argument(
        "--instructions",
        choices=("card", "on", "off"),
        default="card",
        help="before queries (default: as the card says)",
    )
    parser.add_argument(
        "--documents",
        choices=("split", "truncated"),
        default="split",
        help="over the model's length: cut as in ingestion and scored by the best passage, or read to that length",
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--folder", type=Path, default=default_folder(), help="where results and embeddings are kept")
    parser.add_argument("--run-file", type=Path, metavar="FILE", help="write the rankings here, as a TREC run")
    parser.add_argument("--json", action="store_true", help="print one JSON object a set")
    return parser


def _evaluate(folder: Path, retrieval: Retrieval, options: argparse.Namespace) -> Evaluation:
    """Evaluate on one collection, or return what was found before where nothing has changed."""
    collection = _read(folder, options)
    results = Results(options.folder / "results")
    if not options.run_file and (earlier := results.find(collection, retrieval)):
        logger.info("%s: scored before", collection.name)
        return earlier
    logger.info("%s: %d passages, %d queries", collection.name, len(collection.passages), len(collection.queries))
    evaluation, rankings = evaluate(collection, retrieval)
    if options.took is not None:
        evaluation = replace(evaluation, took_s=options.took)
    results.save(evaluation)
    if options.run_file:
        write_run(options.run_file, rankings, tag=evaluation.system["model"])
    logger.info("%s: NDCG@10 %.4f in %.1f s", collection.name, evaluation.average, evaluation.took_s)
    return evaluation


def _export(options: argparse.Namespace) -> int:
    """Write each collection under a folder of its name, for those who cannot read its format."""
    for folder in options.folders:
        collection = _read(folder, options)
        target = options.export / collection.name
        target.mkdir(parents=True, exist_ok=True)
        write_jsonl(target / "corpus.jsonl", collection.passages)
        write_jsonl(target / "queries.jsonl", collection.queries)
        sys.stdout.write(f"{target}\n")
    return 0


def _sweep(options: argparse.Namespace) -> int:
    """Tell what hybrid scores at each share of the dense arm."""
    splitter = _splitter(options)
    retrieval = _hybrid(options, _dense(options, splitter=splitter), splitter=splitter)
    collections = (_read(folder, options) for folder in options.folders)
    sys.stdout.write(f"{table(sweep(collections, retrieval, splitter=splitter))}\n")
    return 0


def _read(folder: Path, options: argparse.Namespace) -> Collection:
    if options.format == "disastir":
        return read_disastir(folder)
    read = read_trec if options.format == "trec" else read_beir
    return read(folder, intent=options.intent)


def _retrieval(options: argparse.Namespace) -> Retrieval:
    if options.run_file and len(options.folders) > 1:
        raise ValueError("--run-file takes the rankings of one collection: name one folder.")
    if options.score_run:
        return RunFile(options.score_run, system=options.system)
    if options.retrieval == "bm25":
        return BaselineRetrieval()
    return _retrieval_of_pieces(options)


def _retrieval_of_pieces(options: argparse.Namespace) -> Retrieval:
    splitter = _splitter(options)
    if options.retrieval == "bm25-passages":
        return LibraryRetrieval(splitter=splitter, cut_for=_cut_for(options))
    if options.retrieval == "lexical":
        return LexicalRetrieval(splitter=splitter, cut_for=_cut_for(options))
    dense = _dense(options, splitter=splitter)
    return dense if options.retrieval == "dense" else _hybrid(options, dense, splitter=splitter)


def _hybrid(options: argparse.Namespace, dense: DenseRetrieval, *, splitter: Splitter | None) -> HybridRetrieval:
    lexical = LexicalRetrieval(splitter=splitter, cut_for=_cut_for(options))
    shares = dict(options.dense_share)
    return HybridRetrieval(dense, lexical, splitter=splitter, fusion=options.fusion, shares=shares)


def _cut_for(options: argparse.Namespace) -> str:
    return named_retriever(options.model)[0].name


def _share(text: str) -> tuple[str, float]:
    """Read "NLI=0.9"."""
    intent, _, share = text.partition("=")
    check_shares({intent: float(share)})
    return intent, float(share)


def _splitter(options: argparse.Namespace) -> Splitter | None:
    if options.documents == "truncated":
        return None
    card, checkpoint = named_retriever(options.model)
    return splitter_for(card, checkpoint=checkpoint)


def _dense(options: argparse.Namespace, *, splitter: Splitter | None) -> DenseRetrieval:
    card, checkpoint = named_retriever(options.model)
    encoder = get_encoder(card, device=options.device, backend=options.backend, folder=checkpoint)
    return DenseRetrieval(
        encoder,
        VectorStore(options.folder / "embeddings", encoder),
        name=checkpoint.name if checkpoint else "",
        instructions=options.instructions,
        splitter=splitter,
        device=_search_device(options.device),
    )


def _search_device(device: str) -> str:
    """Return where to compare vectors: on the GPU if there is one and nobody said otherwise."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    sys.exit(main())
