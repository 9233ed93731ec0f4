"""Reading a checkpoint into a transformers model that attends as the card says.

A checkpoint is a sentence-transformers folder, a plain transformers folder (the two look alike
from here: pooling and prompts are the card's) or a LoRA adapter with the name of its base.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig

from apps.retrievers.card import RetrieverCard
from apps.retrievers.fingerprints import weight_files
from workers.encoders.base import EncoderUnavailable

_ADAPTER = "adapter_config.json"


def load_model(card: RetrieverCard, checkpoint: Path, *, dtype: torch.dtype) -> nn.Module:
    """Return `card`'s transformer without its head, ready for inference on the CPU."""
    if card.needs_own_code:
        raise EncoderUnavailable(
            f"{card.name} only runs with code shipped beside its weights, which is never run here."
            " Serve it elsewhere and use the remote backend."
        )
    if (checkpoint / _ADAPTER).is_file():
        model = _merged(checkpoint, base=load_base(card, checkpoint, dtype=dtype))
    else:
        model = _pretrained(card, checkpoint, dtype=dtype)
    return model.eval()


def load_base(card: RetrieverCard, adapter: Path, *, dtype: torch.dtype) -> nn.Module:
    """Load the model that an adapter was trained on: a folder beside it, or a name on the hub."""
    name = json.loads((adapter / _ADAPTER).read_text())["base_model_name_or_path"]
    local = next((path for path in (adapter / name, adapter.parent / name) if path.is_dir()), name)
    return _pretrained(card, local, dtype=dtype)


def _pretrained(card: RetrieverCard, source: str | Path, *, dtype: torch.dtype) -> nn.Module:
    config = AutoConfig.from_pretrained(source)
    _check_shape(card, config)
    if card.architecture == "decoder":
        # On the config object and nowhere else: as an argument it is refused or silently dropped.
        config.is_causal = not card.bidirectional
    model, report = _read_weights(source, config, dtype)
    _check_complete(card, report)
    return model


def _read_weights(source: str | Path, config: PretrainedConfig, dtype: torch.dtype) -> tuple[nn.Module, dict[str, Any]]:
    if isinstance(source, Path) and not weight_files(source):
        raise EncoderUnavailable(f"{source} holds no weights: was the download cut off?")
    try:
        return AutoModel.from_pretrained(source, config=config, dtype=dtype, output_loading_info=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise EncoderUnavailable(f"The weights in {source} cannot be read: {error}") from error


def _merged(adapter: Path, *, base: nn.Module) -> nn.Module:
    from peft import PeftModel

    return PeftModel.from_pretrained(base, adapter).merge_and_unload()


def _check_shape(card: RetrieverCard, config: PretrainedConfig) -> None:
    found = (config.hidden_size, config.num_hidden_layers)
    if found != (card.dim, card.layers):
        raise EncoderUnavailable(
            f"These are not the weights of {card.name}: {found[1]} layers of {found[0]} dimensions"
            f" instead of {card.layers} of {card.dim}."
        )


def _check_complete(card: RetrieverCard, report: dict[str, Any]) -> None:
    """Refuse weights that fill only part of the model; BERT's unused pooler may be absent."""
    missing = [key for key in report["missing_keys"] if not key.startswith("pooler.")]
    if missing:
        raise EncoderUnavailable(
            f"The checkpoint of {card.name} lacks {len(missing)} weights, {missing[0]} among them:"
            " it is another model's, or was cut off."
        )
