"""From passages to training examples, and from examples to training files. Needs no Django and no database.

Each command works in a folder of its own (--out): begun again, it goes on where it stopped.
"""

import argparse
import logging
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from apps.corpora.extraction import ExtractionFailed
from apps.retrievers.intents import Intent
from workers.encoders import EncoderUnavailable
from workers.refinement import commands
from workers.refinement.journal import run_folder, write_json
from workers.refinement.negatives import BANDS, GUARD, Band
from workers.refinement.pairs import KINDS
from workers.refinement.report import markdown

UNFINISHED = 3  #: exit status of a run that stopped early: budget spent, or no answer from the server
EXPECTED = (OSError, ValueError, LookupError, EncoderUnavailable, ExtractionFailed)  #: their messages are for people


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        return run(arguments)
    except EXPECTED as failure:
        sys.stderr.write(f"{failure}\n")
        return 1


def run(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit status, or raise one of the `EXPECTED`."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line a request
    return int(options.run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.refinement", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_synthesize(subparsers)
    _add_pairs(subparsers)
    _add_dedupe(subparsers)
    _add_agree(subparsers)
    _add_mine(subparsers)
    report = subparsers.add_parser("report", help="tell of runs, finished or not, in Markdown")
    report.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    report.set_defaults(run=_report)
    return parser


def _add_synthesize(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("synthesize", help="have a language model write examples from passages")
    parser.add_argument("passages", type=Path, nargs="+", metavar="PASSAGES.jsonl")
    parser.add_argument(
        "--endpoint", required=True, help=f"up to the version: https://host/v1 (key: {commands.API_KEY})"
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--intents", type=Intent, nargs="+", default=tuple(Intent))
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="ask about N passages (default: all)")
    parser.add_argument("--examples", type=int, default=1, help="of each passage and intent")
    parser.add_argument("--negatives", type=int, default=1, help="hard negatives written for each example")
    parser.add_argument(
        "--grounded", action="store_true", help="the passage itself is the positive (QA, QAdoc, FactCheck)"
    )
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--most-tokens", type=int, default=3_000, help="of one answer; held back from the budget")
    parser.add_argument("--no-json-mode", dest="json_mode", action="store_false", help="for servers without it")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one answer")
    parser.add_argument("--prompt-price", type=float, default=0.0, help="of a million tokens read")
    parser.add_argument("--completion-price", type=float, default=0.0, help="of a million tokens written")
    parser.add_argument("--budget", type=float, default=math.inf, help="stop before this cost")
    parser.add_argument("--budget-tokens", type=float, default=math.inf, help="stop before this many tokens")
    parser.add_argument("--estimate", action="store_true", help="say what it would take; ask nothing")
    _add_run(parser, commands.synthesize)
    parser.set_defaults(run=_synthesize)


def _add_pairs(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("pairs", help="make pairs for unsupervised training, without a language model")
    parser.add_argument(
        "documents", type=Path, nargs="+", metavar="FILE", help="JSON lines, or any file ingestion reads"
    )
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    _add_run(parser, commands.pairs)


def _add_dedupe(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("dedupe", help="drop passages that say much the same as an earlier one")
    parser.add_argument("passages", type=Path, nargs="+", metavar="PASSAGES.jsonl")
    parser.add_argument("--threshold", type=float, default=0.8, help="share of word triples in common")
    _add_run(parser, commands.dedupe)


def _add_agree(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("agree", help="keep the examples whose positive several retrievers find good")
    parser.add_argument("--top-k", type=int, default=20, help="a positive is good from this rank up")
    parser.add_argument("--min-agree", type=int, default=2, help="retrievers that must find it good")
    _add_comparison(parser)
    _add_run(parser, commands.agree)


def _add_mine(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("mine", help="find hard negatives; write one training file a level of difficulty")
    default = ",".join(f"{first}-{last}" for first, last in BANDS)
    parser.add_argument("--bands", type=_bands, default=BANDS, help=f"ranks for each level, easiest first ({default})")
    parser.add_argument("--negatives", type=int, default=9, help="of each example")
    parser.add_argument("--guard", type=float, default=GUARD, help="highest share of the positive's score")
    parser.add_argument("--depth", type=int, default=200, help="passages of each ranking looked at")
    parser.add_argument(
        "--trust",
        type=int,
        default=0,
        metavar="N",
        help="retrievers that put more than N passages before the positive have no say in the guard (default: all have)",
    )
    parser.add_argument("--given", type=int, default=0, metavar="N", help="keep N negatives that the examples bring")
    _add_comparison(parser)
    _add_run(parser, commands.mine)


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("examples", type=Path, nargs="+", metavar="EXAMPLES.jsonl")
    parser.add_argument("--corpus", type=Path, nargs="+", default=(), metavar="PASSAGES.jsonl")
    parser.add_argument(
        "--retrievers",
        nargs="+",
        metavar="CARD|FOLDER",
        help="default: the product's",
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--backend", default="auto")
    state = Path(os.environ.get("DMSEARCH_HOME", ".dmsearch"))
    parser.add_argument("--vectors", type=Path, default=state / "refinement" / "vectors", help="kept from run to run")


def _add_run(parser: argparse.ArgumentParser, command: commands.Command) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of this run")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=_run, command=command)


def _synthesize(options: argparse.Namespace) -> int:
    if options.estimate:
        sys.stdout.write(f"{commands.estimate_synthesis(options)}\n")
        return 0
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    settings, work = options.command(options)
    with run_folder(options.out, {"command": options.command.__name__, **settings}) as folder:
        report = work(folder)
        write_json(folder / "report.json", report)
    sys.stdout.write(f"{markdown(options.out)}\n")
    return UNFINISHED if report.get("stopped") else 0


def _report(options: argparse.Namespace) -> int:
    sys.stdout.write("\n\n".join(markdown(folder) for folder in options.folders) + "\n")
    return 0


def _bands(text: str) -> tuple[Band, ...]:
    """Read "1-30,6-60"."""
    bands = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        bands.append((int(first), int(last)))
        if not 1 <= bands[-1][0] <= bands[-1][1]:
            raise argparse.ArgumentTypeError(f"{part} is no range of ranks")
    return tuple(bands)


if __name__ == "__main__":
    sys.exit(main())
