"""Weights between memory and disk: a folder that any tool reads, or an adapter of a few megabytes."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import nn

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import adapter_base, find_checkpoint, identify
from workers.encoders.export import write_folder, write_settings
from workers.encoders.loading import load_model
from workers.refinement.journal import write_json


class _Gathered:
    """A transformer whose weights were gathered from several devices; saved as a transformer is."""

    def __init__(self, transformer: Any, weights: dict[str, Any]) -> None:
        self._transformer = transformer
        self._weights = weights

    def save_pretrained(self, folder: Path) -> None:
        self._transformer.save_pretrained(folder, state_dict=self._weights)


def save_weights(model: nn.Module, card: RetrieverCard, folder: Path, *, start: Path, accelerator: Accelerator) -> None:
    """Write a retriever in training: whole, or its adapter with the name of its base. All processes take part.

    start: the folder it began from, whose tokenizer it keeps.
    """
    prefix = "transformer."
    weights = {
        name.removeprefix(prefix): value
        for name, value in accelerator.get_state_dict(model).items()
        if name.startswith(prefix)
    }
    if accelerator.is_main_process:
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        transformer = accelerator.unwrap_model(model).transformer
        if hasattr(transformer, "peft_config"):
            part.mkdir(parents=True)
            transformer.save_pretrained(part, state_dict=weights)
        else:
            write_folder(_Gathered(transformer, weights), card, tokenizer_from=start, folder=part)  # type: ignore[arg-type]
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    accelerator.wait_for_everyone()


def read_weights(card: RetrieverCard, folder: Path) -> nn.Module:
    """Return the transformer of a folder, an adapter merged into its base."""
    return load_model(card, folder, dtype=torch.float32)


def is_adapter(folder: Path) -> bool:
    return adapter_base(folder) is not None


@torch.no_grad()
def mean_of(models: Sequence[nn.Module]) -> dict[str, torch.Tensor]:
    """Return the mean weights of results that began from the same weights (model soup, arXiv 2203.05482)."""
    states = [model.state_dict() for model in models]
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if value.is_floating_point() else value
        for name, value in states[0].items()
    }


@torch.no_grad()
def mean_with(start: nn.Module, trained: nn.Module, *, share: float) -> dict[str, torch.Tensor]:
    """Return `share` of the trained weights and the rest of those it started from (WiSE-FT, arXiv 2109.01903)."""
    before = start.state_dict()
    return {
        name: torch.lerp(before[name], value, share) if value.is_floating_point() else value
        for name, value in trained.state_dict().items()
    }


def write_adapter(card: RetrieverCard, source: Path, target: Path, *, share: float, base: Path) -> None:
    """Write an adapter that can travel: with `share` of its effect, its prompts, and a base that is found elsewhere.

    Of the two factors one is scaled. base: the folder of the model that it was trained on.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    path = target / "adapter_model.safetensors"
    weights = load_file(path)
    scaled = {name: value * share if ".lora_B." in name else value for name, value in weights.items()}
    save_file(scaled, path, metadata={"format": "pt"})
    settings = target / "adapter_config.json"
    fields = json.loads(settings.read_text(encoding="utf-8"))
    write_json(settings, fields | {"base_model_name_or_path": _travelling_name(base)})
    write_settings(card, target)


def _travelling_name(base: Path) -> str:
    """Return the hub's name of a published model, or else the folder."""
    card = identify(base)
    checkpoint = find_checkpoint(card) if card else None
    known = card and checkpoint and checkpoint.path.resolve() == base.resolve()
    return card.hub_id if card and known else str(base.resolve())
