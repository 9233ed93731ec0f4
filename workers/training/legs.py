"""From the files of a stage to its legs, each with its batches: one leg a level of difficulty."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from accelerate import Accelerator
from torch import nn

from apps.retrievers.card import RetrieverCard
from workers.encoders.tokenizing import TextTokenizer
from workers.refinement.journal import digest_of
from workers.training.batches import Batch, BatchPlan, line_batches, mixed
from workers.training.contrastive import ContrastiveStep
from workers.training.drawing import Drawing, Start
from workers.training.guide import Guide
from workers.training.loop import Leg
from workers.training.masking import MaskedStep
from workers.training.recipe import Contrastive, Stage1, Stage3, files_of
from workers.training.sources import KnownPositives, Source, read_sources

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kit:
    """What turns examples into tensors."""

    card: RetrieverCard
    start: Path  #: the folder of the weights it starts from
    folder: Path  #: of the run
    tokenizer: TextTokenizer
    accelerator: Accelerator
    seed: int


def read_levels(stage: Contrastive) -> list[list[Source]]:
    """Read the files of each level, the easiest first; a stage without levels has one."""
    patterns = stage.levels if isinstance(stage, Stage3) and stage.levels else (stage.data,)
    need_negatives = stage.group > 1 and stage.in_batch == "none"
    return [read_sources(_named(level), need_negatives=need_negatives) for level in patterns]


def read_replay(stage: Contrastive) -> list[Source]:
    return read_sources(files_of(stage.replay), need_negatives=False) if isinstance(stage, Stage3) else []


def contrastive_legs(
    stage: Contrastive, levels: Sequence[Sequence[Source]], kit: Kit, *, replay: Sequence[Source]
) -> list[Leg]:
    """Return a leg a level, or one for all of them where the schedule is not to start again."""
    everything = [source for level in levels for source in level] + [*replay]
    start = _start(everything, kit) if stage.guard or stage.keep or stage.keep_vectors else None
    step = ContrastiveStep(
        stage,
        Drawing(stage, kit.card, known=KnownPositives(everything), seed=kit.seed, start=start),
        tokenizer=kit.tokenizer,
        accelerator=kit.accelerator,
    )
    parts = _batches(stage, levels, kit, replay=replay)
    names = [f"level {number}" for number in range(1, len(parts) + 1)] if len(parts) > 1 else ["training"]
    return [_leg(name, part[: stage.steps or None], step.backward) for name, part in zip(names, parts, strict=True)]


def read_lines(stage: Stage1) -> tuple[list[str], dict[str, str]]:
    """Read plain text, one sentence a line; return the lines, and the digest of each file."""
    paths = _named(stage.data)
    lines = [line.strip() for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line], {str(path): digest_of(path) for path in paths}


def masked_legs(stage: Stage1, lines: Sequence[str], kit: Kit) -> list[Leg]:
    devices = kit.accelerator.num_processes
    batches = line_batches(lines, size=stage.batch * devices, devices=devices, epochs=stage.epochs, seed=kit.seed)
    step = MaskedStep(stage, tokenizer=kit.tokenizer, accelerator=kit.accelerator, seed=kit.seed)
    return [_leg("training", batches[: stage.steps or None], step.backward)]


def _named(patterns: Sequence[str]) -> list[Path]:
    if not patterns:
        raise ValueError("The recipe names no files for this stage: set its data (or levels).")
    return files_of(patterns)


def _start(sources: Sequence[Source], kit: Kit) -> Start:
    with kit.accelerator.main_process_first():
        return Guide(kit.start, sources, progress=kit.folder / "progress.json").vectors


def _batches(
    stage: Contrastive, levels: Sequence[Sequence[Source]], kit: Kit, *, replay: Sequence[Source]
) -> list[list[Batch]]:
    devices = kit.accelerator.num_processes
    plan = BatchPlan(
        size=stage.batch * devices,
        devices=devices,
        epochs=stage.epochs,
        one_source=stage.one_source,
        source_limit=stage.source_limit,
        weights=stage.weights,
        seed=kit.seed,
    )
    parts = [plan.batches(level) for level in levels]
    if replay and isinstance(stage, Stage3):
        again = replace(plan, epochs=1, source_limit=0).batches(replay)
        parts = [mixed(part, again, share=stage.replay_share, seed=kit.seed) for part in parts]
    if isinstance(stage, Stage3) and not stage.restart:
        parts = [[batch for part in parts for batch in part]]
    return parts


def _leg(name: str, batches: Sequence[T], backward: Callable[..., tuple[float, int]]) -> Leg:
    if not batches:
        raise ValueError(f"{name}: there are fewer examples than devices.")

    def work(model: nn.Module, number: int, *, done: int) -> tuple[float, int]:
        return backward(model, batches[number], step=done)

    return Leg(name, len(batches), work)
