"""From a corpus to a better model, or to the reasons why there is none: pairs, negatives, training, comparison.

Each part has a folder under the run's own; begun again, the run goes on where it was.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from apps.retrievers.naming import named_retriever
from workers.refinement.__main__ import main as refine
from workers.refinement.journal import write_json
from workers.training.material import Material, prepare
from workers.training.recipe import BadRecipe, Recipe
from workers.training.stages import run_stage
from workers.training.verdict import Choice, Verdict, judge

logger = logging.getLogger(__name__)

NOT_BETTER = 4  #: exit status of a run whose model is not better than the old one


class StepFailed(RuntimeError):
    """A part of the run stopped; what was wrong it has said in the log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adaptation:
    """documents: JSON lines or files that ingestion reads; judged: a BEIR folder of people's judgments."""

    documents: tuple[Path, ...]
    judged: Path | None
    model: str  #: the old one: a card's name or a checkpoint's folder
    name: str  #: of the new one
    recipe: Recipe  #: with a stage 3, whose files are not looked at
    out: Path


def adapt(adaptation: Adaptation) -> Verdict:
    """Run it, or go on with it. The new model is in `OUT/train/model`, the comparison in `OUT/report.json`.

    Raises TooLittle where the corpus is too small, StepFailed where a part stopped.
    """
    out = adaptation.out
    _refine("pairs", *map(str, adaptation.documents), "--out", str(out / "pairs"))
    material = prepare(out / "pairs" / "pairs.jsonl", out, judged=adaptation.judged)
    levels = _mine(adaptation, material)
    model = run_stage("stage3", _recipe(adaptation, material, levels), folder=out / "train")
    verdict = judge(adaptation.model, str(model), collections=material.test, folder=out / "compare")
    training = json.loads((out / "train" / "report.json").read_text(encoding="utf-8"))
    verdict = replace(verdict, choice=_choice(training))
    write_json(out / "report.json", _report(adaptation, verdict, training))
    return verdict


def _mine(adaptation: Adaptation, material: Material) -> list[list[str]]:
    """Find negatives for each kind of pair among its own texts; return the files of each level."""
    found: dict[str, list[str]] = {}
    for path in material.training:
        folder = adaptation.out / "mine" / path.stem
        options = ["--retrievers", adaptation.model, "--backend", "torch", "--out", str(folder)]
        _refine("mine", str(path), *options, "--vectors", str(adaptation.out / "vectors"))
        levels = [level for level in sorted(folder.glob("level-*.jsonl")) if level.stat().st_size]
        for level in levels:
            found.setdefault(level.name, []).append(str(level))
        if not levels:  # the old model tells nothing apart: the other texts of the batch are negatives enough
            found.setdefault("level-1.jsonl", []).append(str(path))
    return [found[name] for name in sorted(found)]


def _recipe(adaptation: Adaptation, material: Material, levels: list[list[str]]) -> Recipe:
    recipe = adaptation.recipe
    if recipe.stage3 is None:
        raise BadRecipe("An adaptation takes its dials from [stage3], and the recipe has none.")
    card, _ = named_retriever(adaptation.model)
    model = {"card": adaptation.model, "backbone": adaptation.model, "name": adaptation.name}
    stage = {"data": (), "levels": tuple(tuple(level) for level in levels)}
    sets = tuple(map(str, material.development))
    development = recipe.development.model_copy(update={"sets": sets}) if recipe.development and sets else None
    return recipe.model_copy(
        update={
            "model": recipe.model.model_copy(
                update={**model, "max_tokens": min(recipe.model.max_tokens, card.max_tokens)}
            ),
            "stage3": recipe.stage3.model_copy(update=stage),
            "stage2": None,
            "stage1": None,
            "development": development,
        }
    )


def _refine(*arguments: str) -> None:
    if refine(arguments):
        raise StepFailed(f"{arguments[0]} stopped; the reason is above.")


def _choice(training: Mapping[str, Any]) -> Choice | None:
    """Return what the development part said of the weights that were kept; None where there was none."""
    if training["start"] is None:
        return None
    kept = max((share["score"] for share in training["shares"]), default=training["best"]["average"])
    return Choice(training["start"]["average"], kept)


def _report(adaptation: Adaptation, verdict: Verdict, training: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "old": adaptation.model,
        "new": adaptation.name,
        "model": str(adaptation.out / "train" / "model"),
        **verdict.to_json(),
        "training": training,
    }
