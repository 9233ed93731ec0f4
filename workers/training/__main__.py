"""Train a retriever: `python -m workers.training stage3 --recipe FILE`. Needs no Django and no database.

Runs on one device as it is, on several under `torchrun` or `accelerate launch`. Begun again with the same recipe it
goes on from its last checkpoint.
"""

import argparse
import logging
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from apps.retrievers.intents import Intent
from workers.training.environment import use_fast_allocator

if TYPE_CHECKING:
    from workers.training.refining import Writer


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("accelerate").setLevel(logging.WARNING)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # what is not on this machine is an error, not a download
    try:
        return int(options.run(options))
    except (OSError, ValueError, LookupError, RuntimeError) as failure:
        if isinstance(failure, RuntimeError) and not _is_expected(failure):
            raise
        sys.stderr.write(f"{failure}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.training", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="STAGE")
    for name, what in (
        ("stage1", "teach a decoder to look both ways: masked next-token prediction"),
        ("stage2", "unsupervised contrastive pre-training on pairs"),
        ("stage3", "instruction fine-tuning on groups with hard negatives, level by level"),
    ):
        stage = subparsers.add_parser(name, help=what, description=what)
        stage.add_argument("--recipe", type=Path, required=True, metavar="FILE.toml")
        stage.add_argument("--out", type=Path, metavar="FOLDER", help="of this run (default: in the recipe's output)")
        stage.add_argument("--start", type=Path, metavar="FOLDER", help="weights (default: of the stage before)")
        stage.add_argument(
            "--set", dest="changes", action="append", default=[], metavar="KEY=VALUE", help="over the recipe's"
        )
        stage.set_defaults(run=_run_stage, stage=name)
    mean = subparsers.add_parser("average", help="the mean of several results that began from the same weights")
    mean.add_argument("folders", type=Path, nargs="+", metavar="MODEL")
    mean.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    mean.set_defaults(run=_average)
    _add_adapt(subparsers)
    return parser


def _add_adapt(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    adapt = subparsers.add_parser(
        "adapt", help="a better model for a corpus: pairs, negatives, training, comparison with the old one"
    )
    adapt.add_argument("documents", type=Path, nargs="+", metavar="FILE", help="JSON lines, or what ingestion reads")
    adapt.add_argument("--judged", type=Path, metavar="FOLDER", help="people's judgments, as BEIR has them")
    adapt.add_argument("--model", required=True, metavar="CARD|FOLDER", help="the one to begin from")
    adapt.add_argument("--name", required=True, help="of the new one")
    adapt.add_argument("--recipe", type=Path, default=Path(__file__).parent / "recipes" / "adapt.toml")
    adapt.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    adapt.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of this run")
    adapt.add_argument(
        "--only-data", action="store_true", help="stop before the training; begun again without, it goes on"
    )
    writer = adapt.add_argument_group("examples that a language model writes (key: DMSEARCH_LLM_API_KEY)")
    writer.add_argument("--synthesize", type=int, default=0, metavar="N", help="of N passages (default: of none)")
    writer.add_argument("--endpoint", metavar="URL", help="up to the version: https://host/v1")
    writer.add_argument("--writer", metavar="NAME", help="the language model")
    writer.add_argument("--intents", type=Intent, nargs="+", default=tuple(Intent), metavar="INTENT")
    writer.add_argument(
        "--budget-tokens", type=float, default=math.inf, metavar="N", help="then go on with what there is"
    )
    writer.add_argument(
        "--judges", nargs="+", default=(), metavar="CARD|FOLDER", help="more than half must find a positive"
    )
    adapt.set_defaults(run=_adapt)


def _adapt(options: argparse.Namespace) -> int:
    from workers.training.adapting import NOT_BETTER, Adaptation, adapt
    from workers.training.recipe import read_recipe
    from workers.training.refining import Sources, refine_corpus

    sources = Sources(documents=tuple(options.documents), judged=options.judged, writer=_writer(options))
    if options.only_data:
        refined = refine_corpus(sources, model=options.model, out=options.out, only_data=True)
        sys.stdout.write("".join(f"{path}\n" for level in refined.levels for path in level))
        return 0
    verdict = adapt(
        Adaptation(
            sources=sources,
            model=options.model,
            name=options.name,
            recipe=read_recipe(options.recipe, changes=options.changes),
            out=options.out,
        )
    )
    sys.stdout.write(f"{verdict.reason}\n")
    return 0 if verdict.is_better else NOT_BETTER


def _writer(options: argparse.Namespace) -> "Writer | None":
    from workers.training.refining import Writer

    if not options.synthesize:
        return None
    if not (options.endpoint and options.writer):
        raise ValueError("--synthesize wants to know whom to ask: --endpoint URL --writer NAME")
    return Writer(
        endpoint=options.endpoint,
        model=options.writer,
        passages=options.synthesize,
        intents=tuple(options.intents),
        budget_tokens=options.budget_tokens,
        judges=tuple(options.judges),
    )


def _average(options: argparse.Namespace) -> int:
    from workers.training.result import write_mean

    write_mean(options.folders, options.out)
    sys.stdout.write(f"{options.out}\n")
    return 0


def _run_stage(options: argparse.Namespace) -> int:
    from workers.training.recipe import read_recipe
    from workers.training.stages import run_stage

    recipe = read_recipe(options.recipe, changes=options.changes)
    folder = run_stage(options.stage, recipe, folder=options.out, start=options.start)
    sys.stdout.write(f"{folder}\n")
    return 0


def _is_expected(failure: RuntimeError) -> bool:
    from workers.encoders import EncoderUnavailable
    from workers.training.refining import StepFailed

    return isinstance(failure, (EncoderUnavailable, StepFailed))


if __name__ == "__main__":
    use_fast_allocator()
    sys.exit(main())
