"""The stages, each from its files to a model: read, train leg after leg, choose, write."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from apps.retrievers.fingerprints import fingerprint
from workers.encoders.tokenizing import TextTokenizer
from workers.evaluation.beir import read_beir
from workers.evaluation.origin import origin
from workers.refinement.journal import run_folder, write_json
from workers.training.development import Examiner
from workers.training.devices import open_devices
from workers.training.legs import Kit, contrastive_legs, masked_legs, read_levels, read_lines, read_replay
from workers.training.loop import Leg, Surroundings, Trainer
from workers.training.masking import TokenPredictor, output_weights
from workers.training.model import Retriever, backbone_folder, card_for, load_for_training, require_trainable
from workers.training.recipe import BadRecipe, Contrastive, Development, Recipe, Stage, Stage1, StageName, files_of
from workers.training.result import write_result
from workers.training.sources import digests


class StageMissing(LookupError):
    """The stage before this one has no result yet."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a stage learns from: digests for the record, and its legs once there is a kit."""

    digests: Sequence[Mapping[str, str]]
    replay: Mapping[str, str]
    legs: Callable[[Kit], list[Leg]]


def run_stage(name: StageName, recipe: Recipe, *, folder: Path | None = None, start: Path | None = None) -> Path:
    """Run a stage, or go on with it; return the folder of its model.

    folder: of the run (default: in the recipe's output); start: of the weights (default: the stage before, else the
    backbone). Raises ValueError, LookupError or EncoderUnavailable, whose messages are for people.
    """
    require_trainable(recipe.model.card)
    stage = recipe.stage(name)
    folder, start = folder or Path(recipe.output) / name, start or _start(name, recipe)
    material = _material(stage)
    accelerator = open_devices(recipe.model)
    settings = {
        "stage": name,
        "recipe": recipe.model_dump(mode="json", include={"model", "seed", "development", name}),
        "data": [dict(each) for each in material.digests],
        "replay": dict(material.replay),
        "development sets": _set_digests(_development(name, recipe)),
        "start": fingerprint(start),
        "devices": accelerator.num_processes,
    }
    with run_folder(folder, settings) if accelerator.is_main_process else nullcontext():
        if accelerator.is_main_process:
            _write_origin(folder)
        accelerator.wait_for_everyone()
        around = _surroundings(name, recipe, folder=folder, start=start, accelerator=accelerator)
        return _train(recipe, around, material)


def _train(recipe: Recipe, around: Surroundings, material: Material) -> Path:
    kit = Kit(
        card=around.card,
        start=around.start,
        folder=around.folder,
        tokenizer=TextTokenizer(around.card, around.start),
        accelerator=around.accelerator,
        seed=recipe.seed,
    )
    trainer = Trainer(around, material.legs(kit))
    while not trainer.is_done:
        set_seed(recipe.seed + trainer.position.leg)
        weights = around.folder / "last" if trainer.position.leg else around.start
        trainer.finish_leg(trainer.train_leg(_model(recipe, around, weights)))
    return write_result(around)


def _model(recipe: Recipe, around: Surroundings, weights: Path) -> nn.Module:
    transformer = load_for_training(around.card, weights, recipe.model, lora=around.stage.lora)
    if isinstance(around.stage, Stage1):
        return TokenPredictor(transformer, output_weights(transformer, around.start))
    return Retriever(transformer, around.card)


def _material(stage: Stage) -> Material:
    if isinstance(stage, Stage1):
        lines, found = read_lines(stage)
        return Material([found], {}, lambda kit: masked_legs(stage, lines, kit))
    assert isinstance(stage, Contrastive)  # noqa: S101
    levels, replay = read_levels(stage), read_replay(stage)
    return Material(
        [digests(level) for level in levels],
        digests(replay),
        lambda kit: contrastive_legs(stage, levels, kit, replay=replay),
    )


def _development(name: StageName, recipe: Recipe) -> Development | None:
    return recipe.development if name != "stage1" else None  # which makes no retriever yet


def _set_digests(development: Development | None) -> dict[str, str]:
    sets = files_of(development.sets) if development else []
    return {str(folder): read_beir(folder).digest() for folder in sets}


def _surroundings(
    name: StageName, recipe: Recipe, *, folder: Path, start: Path, accelerator: Accelerator
) -> Surroundings:
    card = card_for(recipe.model, instructions=name == "stage3" and recipe.model.instructions)
    stage = recipe.stage(name)
    if isinstance(stage, Stage1):
        if card.architecture != "decoder":
            raise BadRecipe(f"stage1 is for decoders, and {card.name} is an encoder: begin with stage2.")
        card = replace(card, max_tokens=stage.sequence)
    development = _development(name, recipe)
    examiner = None
    if development:
        examiner = Examiner(development, recipe.model, tokenizer=TextTokenizer(card, start), seed=recipe.seed)
    return Surroundings(
        stage=stage,
        card=card,
        start=start,
        folder=folder,
        accelerator=accelerator,
        development=development,
        examiner=examiner,
    )


def _write_origin(folder: Path) -> None:
    """Keep where this was run: with the settings, all that is needed to run it again."""
    command = {"command": shlex.join(["python", "-m", "workers.training", *sys.argv[1:]])}
    versions = {name: version(name) for name in ("torch", "transformers", "peft", "accelerate")}
    found: dict[str, Any] = {**origin(), **command, "versions": versions}
    write_json(folder / "origin.json", found)


def _start(name: StageName, recipe: Recipe) -> Path:
    before = recipe.stage_before(name)
    if before is None:
        return backbone_folder(recipe.model)
    folder = Path(recipe.output) / before / "model"
    if not folder.is_dir():
        raise StageMissing(f"{name} starts from the result of {before}, and {folder} is not there: run {before} first.")
    return folder
