"""From a corpus to a better model, or to the reasons why there is none: pairs, negatives, training, comparison.

Each part has a folder under the run's own; begun again, the run goes on where it was.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from apps.retrievers.naming import named_retriever
from workers.encoders.tokenizing import TextTokenizer
from workers.refinement.journal import write_json
from workers.training.development import Examiner
from workers.training.devices import open_devices
from workers.training.model import Retriever, backbone_folder, load_for_training, require_trainable
from workers.training.recipe import BadRecipe, Development, Recipe
from workers.training.refining import Refined, Sources, refine_corpus
from workers.training.stages import run_stage
from workers.training.verdict import Choice, Verdict, judge

NOT_BETTER = 4  #: exit status of a run whose model is not better than the old one


@dataclass(frozen=True, kw_only=True, slots=True)
class Adaptation:
    sources: Sources  #: what it learns from
    model: str  #: the old one: a card's name or a checkpoint's folder
    name: str  #: of the new one
    recipe: Recipe  #: with a stage 3, whose files are not looked at
    out: Path


def adapt(adaptation: Adaptation) -> Verdict:
    """Run it, or go on with it. The new model is in `OUT/train/model`, the comparison in `OUT/report.json`.

    Raises BadRecipe where the old model cannot be trained, TooLittle where the corpus is too small, StepFailed where a
    part stopped.
    """
    require_trainable(adaptation.model)
    out = adaptation.out
    refined = refine_corpus(adaptation.sources, model=adaptation.model, out=out)
    recipe = _recipe(adaptation, refined)
    model = run_stage("stage3", recipe, folder=out / "train")
    verdict = judge(adaptation.model, str(model), collections=refined.material.test, folder=out / "compare")
    training = json.loads((out / "train" / "report.json").read_text(encoding="utf-8"))
    verdict = replace(verdict, choice=_choice(recipe, training))
    write_json(out / "report.json", _report(adaptation, verdict, training))
    return verdict


def _recipe(adaptation: Adaptation, refined: Refined) -> Recipe:
    recipe = adaptation.recipe
    if recipe.stage3 is None:
        raise BadRecipe("An adaptation takes its dials from [stage3], and the recipe has none.")
    card, _ = named_retriever(adaptation.model)
    model = {"card": adaptation.model, "backbone": adaptation.model, "name": adaptation.name}
    stage = {"data": (), "levels": tuple(tuple(level) for level in refined.levels)}
    sets = tuple(map(str, refined.material.development))
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


def _choice(recipe: Recipe, training: Mapping[str, Any]) -> Choice | None:
    """Return what the part that chooses says of the old model and of the weights that were kept; None without one."""
    if recipe.development is None:
        return None
    trained = training[training["kept"]]["average"]
    kept = max((share["score"] for share in training["shares"]), default=trained)
    return Choice(_score_before(recipe, recipe.development), kept)


def _score_before(recipe: Recipe, development: Development) -> float:
    """Return what the old model scores asked in its own way: instructions that it never learnt would only hold it back."""
    card, start = named_retriever(recipe.model.card)[0], backbone_folder(recipe.model)
    retriever = Retriever(load_for_training(card, start, recipe.model, lora=None), card)
    examiner = Examiner(development, recipe.model, tokenizer=TextTokenizer(card, start), seed=recipe.seed)
    return examiner.score(retriever.to(open_devices(recipe.model).device), card).average


def _report(adaptation: Adaptation, verdict: Verdict, training: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "old": adaptation.model,
        "new": adaptation.name,
        "model": str(adaptation.out / "train" / "model"),
        **verdict.to_json(),
        "training": training,
    }
