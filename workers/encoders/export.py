"""Writing a retriever as a sentence-transformers folder that needs none of our code.

SentenceTransformer(folder).encode_query("Which levees failed?", prompt_name="QA")
"""

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint, tokenizer_file
from apps.retrievers.declared import declaration
from apps.retrievers.intents import Intent
from workers.encoders.base import EncoderUnavailable
from workers.encoders.loading import load_model
from workers.encoders.model_card import model_card
from workers.encoders.tokenizing import TextTokenizer

_TOKENIZER_FILES = ("vocab.txt", "merges.txt", "vocab.json", "special_tokens_map.json", "added_tokens.json")
_MODULES = ("Transformer", "Pooling", "Normalize")


def export(card: RetrieverCard, checkpoint: Checkpoint, folder: Path, *, scores: Mapping[str, float]) -> None:
    """Write `card`'s checkpoint, adapters merged, into `folder`, which must be new or empty."""
    if folder.exists() and any(folder.iterdir()):
        raise EncoderUnavailable(f"{folder} is not empty: name another folder.")
    model = load_model(card, checkpoint.path, dtype=torch.float32)
    write_folder(model, card, tokenizer_from=checkpoint.path, folder=folder)
    (folder / "README.md").write_text(model_card(card, checkpoint, scores=scores), encoding="utf-8")


def write_folder(model: nn.Module, card: RetrieverCard, *, tokenizer_from: Path, folder: Path) -> None:
    """Write a transformer in memory, with `card`'s pooling, length and prompts and another folder's tokenizer."""
    if card.end_mark:
        raise EncoderUnavailable(f"{card.name} is published in this form: download it instead.")
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)  # type: ignore[operator]  # every transformers model has it
    _write_tokenizer(card, tokenizer_from, folder)
    _write_json(folder / "modules.json", [_module(number, name) for number, name in enumerate(_MODULES)])
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": card.max_tokens, "do_lower_case": False})
    write_settings(card, folder)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    _write_json(folder / "1_Pooling" / "config.json", _pooling(card))
    (folder / "2_Normalize").mkdir(exist_ok=True)


def write_settings(card: RetrieverCard, folder: Path) -> None:
    """Write the prompts, and whose weights these are; all that an adapter's folder needs besides the adapter."""
    _write_json(folder / "config_sentence_transformers.json", _settings(card))


def prompts_by_name(card: RetrieverCard) -> dict[str, str]:
    """Return the prefixes under the names by which sentence-transformers asks for them."""
    if card.knows_intents:
        queries = {str(intent): card.prompts.query_prefix(intent) for intent in Intent}
    else:
        queries = {"query": card.prompts.query}
    return {**queries, "document": card.prompts.passage}


def _settings(card: RetrieverCard) -> dict[str, Any]:
    versions = {name: version(name.replace("_", "-")) for name in ("sentence_transformers", "transformers", "torch")}
    return {
        "__version__": versions,
        "prompts": prompts_by_name(card),
        "default_prompt_name": None,
        "similarity_fn_name": "cosine",
        "retriever": card.name,  # by this we know it again
        "card": declaration(card),
    }


def _pooling(card: RetrieverCard) -> dict[str, Any]:
    return {
        "word_embedding_dimension": card.dim,
        "pooling_mode_cls_token": card.pooling == "cls",
        "pooling_mode_mean_tokens": card.pooling == "mean",
        "include_prompt": True,
    }


def _module(number: int, name: str) -> dict[str, Any]:
    path = f"{number}_{name}" if number else ""
    return {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{name}"}


def _write_tokenizer(card: RetrieverCard, source: Path, folder: Path) -> None:
    """Copy the tokenizer, with the card's length and a pad token on the right."""
    tokenizer = tokenizer_file(source)
    for path in (tokenizer, *(tokenizer.parent / name for name in _TOKENIZER_FILES)):
        if path.is_file():
            shutil.copy(path, folder)
    given = tokenizer.parent / "tokenizer_config.json"
    settings = json.loads(given.read_text(encoding="utf-8")) if given.is_file() else {}
    settings.setdefault("tokenizer_class", "PreTrainedTokenizerFast")
    settings.setdefault("pad_token", TextTokenizer(card, source).pad_token)
    settings |= {"model_max_length": card.max_tokens, "padding_side": "right"}
    _write_json(folder / "tokenizer_config.json", settings)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), encoding="utf-8")
