"""What a stage leaves: the best weights, or their mean with those it started from, as a folder any tool reads."""

import copy
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from apps.retrievers.checkpoints import identify
from workers.encoders.export import write_folder
from workers.refinement.journal import Journal, write_json
from workers.training.curve import Curve
from workers.training.loop import Surroundings
from workers.training.model import Retriever
from workers.training.recipe import Stage3
from workers.training.weights import is_adapter, mean_of, mean_with, read_weights, write_adapter


def write_result(around: Surroundings) -> Path:
    """Write `model` (and `adapter`, where that is what was trained) and `report.json`; return the model's folder."""
    accelerator, folder = around.accelerator, around.folder
    model = folder / "model"
    if accelerator.is_main_process:
        chosen = folder / "best" if (folder / "best").exists() else folder / "last"
        transformer, tried = _with_best_share(around, chosen)
        _write_new(transformer, around, model)
        if is_adapter(chosen):
            share = max(tried, key=lambda each: each["score"])["share"] if tried else 1.0
            write_adapter(around.card, chosen, folder / "adapter", share=share, base=around.start)
        write_json(folder / "report.json", _report(around, chosen, tried))
        Curve(folder, done=_steps(folder)).draw()
    accelerator.wait_for_everyone()
    return model


def write_mean(folders: Sequence[Path], target: Path) -> None:
    """Write the mean of several results of one shape as a new folder. Raises ValueError where they are not."""
    card = identify(folders[0])
    if card is None:
        raise ValueError(f"{folders[0]} holds no model that says what it is.")
    models = [read_weights(card, folder) for folder in folders]
    models[0].load_state_dict(mean_of(models))
    write_folder(models[0], card, tokenizer_from=folders[0], folder=target)


def _with_best_share(around: Surroundings, chosen: Path) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Return the transformer with the share of the training that scores best, and what every share scored."""
    trained = read_weights(around.card, chosen)
    shares = around.stage.soup if isinstance(around.stage, Stage3) else ()
    if not shares or around.examiner is None:
        return trained, []
    start = read_weights(around.card, around.start)
    tried: list[dict[str, Any]] = []
    candidate = copy.deepcopy(trained)
    for share in sorted({*shares, 1.0}):
        candidate.load_state_dict(mean_with(start, trained, share=share))
        retriever = Retriever(candidate, around.card).to(around.accelerator.device)
        tried.append({"share": share, **asdict(around.examiner.score(retriever, around.card))})
        tried[-1]["score"] = tried[-1]["average"]
    best = max(tried, key=lambda each: each["score"])
    candidate.load_state_dict(mean_with(start, trained, share=best["share"]))
    return candidate.cpu(), tried


def _write_new(transformer: nn.Module, around: Surroundings, folder: Path) -> None:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    write_folder(transformer, around.card, tokenizer_from=around.start, folder=part)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def _report(around: Surroundings, chosen: Path, tried: list[dict[str, Any]]) -> dict[str, Any]:
    lines = list(Journal(around.folder / "curve.jsonl"))
    losses = [line["loss"] for line in lines if "loss" in line]
    scores = list(_scores(lines))
    return {
        "steps": len(losses),
        "tokens": sum(line.get("tokens", 0) for line in lines),
        "loss": {"first": losses[0], "last": losses[-1]},
        "start": scores[0] if scores else None,
        "best": max(scores, key=lambda score: score["average"]) if scores else None,
        "last": scores[-1] if scores else None,
        "kept": chosen.name,
        "shares": tried,
    }


def _scores(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if "score" in line:
            yield {key: line[key] for key in ("step", "average", "intents", "sets")}


def _steps(folder: Path) -> int:
    return max((line["step"] for line in Journal(folder / "curve.jsonl")), default=0)
