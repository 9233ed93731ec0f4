"""What a folder that sentence-transformers wrote says of its model: pooling, length, prompts.

Without reading it, a model trained elsewhere would be taken for the one of ours that has its shape.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.retrievers.card import Pooling, RetrieverCard
from apps.retrievers.fingerprints import weight_files
from apps.retrievers.intents import Intent
from apps.retrievers.prompts import DMRETRIEVER, NONE, Prompts

_POOLINGS: Mapping[str, Pooling] = {"mean": "mean", "cls": "cls", "lasttoken": "last"}
_OLD_KEY = "pooling_mode_"  #: before version 5, one key a way
_OLD_NAMES = {"mean_tokens": "mean", "cls_token": "cls", "max_tokens": "max"}
#: Encoders that transformers runs without code of the model's own, and that see a text whole.
_ENCODERS = ("bert", "roberta", "xlm-roberta", "mpnet", "modernbert", "nomic_bert", "gte", "electra", "camembert")
_HARMLESS = ("Transformer", "Pooling", "Normalize")
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


class NotUsable(ValueError):
    """The folder holds a model that gives its vectors in a way that is not known here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """None where the folder says nothing."""

    pooling: Pooling | None = None
    max_tokens: int | None = None
    prompts: Prompts | None = None

    def fits(self, card: RetrieverCard) -> bool:
        pairs = ((self.pooling, card.pooling), (self.max_tokens, card.max_tokens), (self.prompts, card.prompts))
        return all(said is None or said == known for said, known in pairs)

    def card(self, folder: Path, config: Mapping[str, Any]) -> RetrieverCard | None:
        """Return a card called as the folder is; None where too little is said to make one."""
        if self.pooling is None or config.get("model_type") not in _ENCODERS or "hidden_size" not in config:
            return None
        limit = config.get("max_position_embeddings", 512)
        return RetrieverCard(
            name=folder.resolve().name,
            hub_id=f"local/{folder.resolve().name}",
            dim=config["hidden_size"],
            layers=config.get("num_hidden_layers", 0),
            parameters=_millions(folder, config),
            max_tokens=min(self.max_tokens or 512, limit),
            pooling=self.pooling,
            prompts=self.prompts or NONE,
            licence="unknown",
            note="Known by what sentence-transformers wrote into its folder.",
        )


def read_said(folder: Path) -> Said:
    """Read what the folder says. Raises NotUsable for modules and poolings that we have not."""
    kinds = (str(module.get("type", "")).rpartition(".")[2] for module in _load(folder / "modules.json") or [])
    others = [kind for kind in kinds if kind not in _HARMLESS]
    if others:
        raise NotUsable(f"a layer of the kind {others[0]} follows its transformer")
    settings = read_json(folder / "config_sentence_transformers.json")
    return Said(
        pooling=_pooling(read_json(folder / "1_Pooling" / "config.json")),
        max_tokens=read_json(folder / "sentence_bert_config.json").get("max_seq_length"),
        prompts=_prompts(settings.get("prompts") or {}),
    )


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in `path`; nothing where there is none that can be read."""
    loaded = _load(path)
    return loaded if isinstance(loaded, dict) else {}


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError:  # cut off in the middle: as good as not there
        return None


def _pooling(config: Mapping[str, Any]) -> Pooling | None:
    if not config:
        return None
    old = [key.removeprefix(_OLD_KEY) for key, is_on in config.items() if key.startswith(_OLD_KEY) and is_on]
    mode = config.get("pooling_mode") or " and ".join(_OLD_NAMES.get(name, name) for name in old)
    if mode not in _POOLINGS:
        raise NotUsable(f"it pools by {mode}, where mean, cls and lasttoken are known")
    return _POOLINGS[mode]


def _prompts(named: Mapping[str, str]) -> Prompts | None:
    """Return the prefixes under the names that people give them; None where there are none."""
    if all(named.get(str(intent)) == DMRETRIEVER.query_prefix(intent) for intent in Intent):
        return DMRETRIEVER
    query = named.get("query", "")
    passage = named.get("document") or named.get("passage") or ""
    return Prompts(query=query, passage=passage) if query or passage else None


def _millions(folder: Path, config: Mapping[str, Any]) -> int:
    precision = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    size = sum(path.stat().st_size for path in weight_files(folder))
    return round(size / _BYTES.get(precision, 4) / 1e6)
