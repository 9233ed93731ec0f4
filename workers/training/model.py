"""A retriever that is being trained: a transformer with its pooling, in full or by a low-rank addition."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import adapter_base, get_checkpoint
from apps.retrievers.family import UnknownRetriever
from apps.retrievers.naming import named_retriever
from apps.retrievers.prompts import DMRETRIEVER, NONE
from workers.encoders.loading import load_model
from workers.encoders.pooling import pool
from workers.training.recipe import BadRecipe, Lora, Model


class Retriever(nn.Module):
    """Token ids and attention mask (B, T) to unit vectors (B, D)."""

    def __init__(self, transformer: nn.Module, card: RetrieverCard) -> None:
        super().__init__()
        self.transformer = transformer
        self._pooling = card.pooling
        self._options: dict[str, Any] = {"use_cache": False} if card.architecture == "decoder" else {}

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        hidden = self.transformer(input_ids=ids, attention_mask=mask, **self._options).last_hidden_state
        return pool(hidden, mask, pooling=self._pooling)


def require_trainable(name: str) -> None:
    """Raise BadRecipe where a card, or the model in a folder, cannot be trained here."""
    if reason := named_retriever(name)[0].why_not_trained:
        raise BadRecipe(reason)


def card_for(model: Model, *, instructions: bool) -> RetrieverCard:
    """Return the card that the model is trained by: with the instructions of the intents, or without any prompt."""
    card = named_retriever(model.card)[0]
    return replace(
        card, name=model.name or card.name, max_tokens=model.max_tokens, prompts=DMRETRIEVER if instructions else NONE
    )


def backbone_folder(model: Model) -> Path:
    """Return the folder of what the first stage starts from. Raises LookupError where it is not on this machine."""
    name = model.backbone or model.card
    try:
        card, folder = named_retriever(name)
    except UnknownRetriever:
        return _from_hub_cache(name)
    except ValueError:  # a backbone that is no retriever yet
        return Path(name)
    return folder or get_checkpoint(card).path


def load_for_training(card: RetrieverCard, folder: Path, model: Model, *, lora: Lora | None) -> nn.Module:
    """Return the transformer in fp32, ready for training; with `lora`, only the addition learns."""
    begun = adapter_base(folder) if lora else None  # an adapter of the leg before: it goes on learning
    transformer = load_model(card, Path(begun) if begun else folder, dtype=torch.float32).train()
    if not torch.cuda.is_available():  # on a CPU the way back through fused attention takes three times as long
        transformer.set_attn_implementation("eager")  # type: ignore[operator]
    if not model.dropout:
        _switch_dropout_off(transformer)
    _freeze_what_is_not_used(transformer)
    if model.gradient_checkpointing:
        transformer.activation_checkpointing_enable()  # type: ignore[operator]
        if lora:
            transformer.enable_input_require_grads()  # type: ignore[operator]
    if begun:
        return PeftModel.from_pretrained(transformer, folder, is_trainable=True)
    return _with_lora(transformer, lora) if lora else transformer


def learned(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, value) for name, value in model.named_parameters() if value.requires_grad]


def decay_groups(parameters: Sequence[tuple[str, nn.Parameter]], weight_decay: float) -> list[dict[str, Any]]:
    """Return groups for the optimiser: biases and norms do not decay."""
    return [
        {"params": [value for _, value in parameters if value.dim() > 1], "weight_decay": weight_decay},
        {"params": [value for _, value in parameters if value.dim() <= 1], "weight_decay": 0.0},
    ]


def _from_hub_cache(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError) as error:
        raise LookupError(
            f"The backbone {name} is neither a folder nor in the hub's cache here. Run `hf download {name}` where"
            " there is a network, and set model.backbone to the folder."
        ) from error


def _switch_dropout_off(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if hasattr(module, "attention_dropout"):  # decoders hand it to the attention as a number
            setattr(module, "attention_dropout", 0.0)  # noqa: B010 - typed as anything a module may hold


def _freeze_what_is_not_used(model: nn.Module) -> None:
    """BERT's pooler is saved with the model and takes no part in the vector: it has no gradient."""
    for name, parameter in model.named_parameters():
        if name.startswith("pooler."):
            parameter.requires_grad = False


def _with_lora(transformer: nn.Module, lora: Lora) -> nn.Module:
    settings = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets) or _linear_layers(transformer),
        exclude_modules=["pooler.dense"] if hasattr(transformer, "pooler") else None,
        bias="none",
        task_type="FEATURE_EXTRACTION",
    )
    return get_peft_model(transformer, settings)


def _linear_layers(transformer: nn.Module) -> list[str]:
    """Return what the linear layers of a block are called: those of attention and of the feed-forward part."""
    linear = (name for name, module in transformer.named_modules() if isinstance(module, nn.Linear))
    return sorted({name.rpartition(".")[2] for name in linear})
