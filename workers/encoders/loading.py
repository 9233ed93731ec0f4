"""Reading a checkpoint into a transformers model that attends as the card says.

A checkpoint is a sentence-transformers folder, a plain transformers folder (the two look alike
from here: pooling and prompts are the card's) or a LoRA adapter with the name of its base.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import adapter_base
from workers.encoders.base import EncoderUnavailable

# What goes wrong is raised; what it remarks on besides is not for those who load a model.
disable_progress_bar()  # type: ignore[no-untyped-call]
set_verbosity_error()  # type: ignore[no-untyped-call]


def load_model(card: RetrieverCard, checkpoint: Path, *, dtype: torch.dtype) -> nn.Module:
    """Return `card`'s transformer without its head, ready for inference on the CPU."""
    if card.needs_own_code:
        raise EncoderUnavailable(
            f"{card.name} only runs with code shipped beside its weights, which is never run here."
            " Serve it elsewhere and use the remote backend."
        )
    base = adapter_base(checkpoint)
    if base is None:
        return _pretrained(card, checkpoint, dtype=dtype).eval()
    return _merged(checkpoint, base=_pretrained(card, base, dtype=dtype)).eval()


def _pretrained(card: RetrieverCard, source: str | Path, *, dtype: torch.dtype) -> nn.Module:
    try:
        config = AutoConfig.from_pretrained(source, local_files_only=True)
        _check_shape(card, config)
        if card.architecture == "decoder":
            # On the config object and nowhere else: as an argument it is refused or silently dropped.
            config.is_causal = not card.bidirectional
        model, report = AutoModel.from_pretrained(
            source, config=config, dtype=dtype, output_loading_info=True, local_files_only=True
        )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise EncoderUnavailable(f"{card.name} cannot be read from {source}: {_reason(error)}") from error
    _check_complete(card, report)
    return model


def _reason(error: Exception) -> str:
    if isinstance(error, SafetensorError):
        return (
            f"its weights are not whole ({error}). Download or copy them again; where a file has only some hundred"
            " bytes, it stands for one that `git lfs pull` fetches."
        )
    if "ignore_mismatched_sizes" in str(error):
        return "its weights have other shapes than its config.json says: they are another model's."
    return str(error).partition("\n")[0]  # what follows is advice on other things


def _merged(adapter: Path, *, base: nn.Module) -> nn.Module:
    from peft import PeftModel

    try:
        model = PeftModel.from_pretrained(base, adapter)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise EncoderUnavailable(f"The adapter in {adapter} cannot be read: {_reason(error)}") from error
    learned = [value for name, value in model.named_parameters() if ".lora_B." in name]
    if not any(value.any() for value in learned):  # what peft leaves when no key of the file fits
        raise EncoderUnavailable(f"The adapter in {adapter} changes nothing: it was trained on another model.")
    return model.merge_and_unload()


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
