"""Models that were trained here: in $DMSEARCH_HOME/models, one folder each, called as the model is; and $RETRIEVER.

$RETRIEVER may be such a folder anywhere: its model is then known by the name it gives itself.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from apps.retrievers.card import RetrieverCard
from apps.retrievers.declared import declared_card

_SETTINGS = "config_sentence_transformers.json"


def models_folder() -> Path:
    return Path(os.environ.get("DMSEARCH_HOME") or ".dmsearch").resolve() / "models"


def own_folders() -> Iterator[tuple[Path, RetrieverCard]]:
    """Yield the folder and the card of every such model that says what it is."""
    named = os.environ.get("RETRIEVER", "")
    if os.sep in named and (card := _card(Path(named) / _SETTINGS)):
        yield Path(named), card
    yield from trained_folders()


def trained_folders() -> Iterator[tuple[Path, RetrieverCard]]:
    """Yield those that were trained here; what is still being written there is none yet."""
    for path in sorted(models_folder().glob(f"*/{_SETTINGS}")):
        card = _card(path)
        if card and card.name == path.parent.name:
            yield path.parent, card


def own_cards() -> Iterator[RetrieverCard]:
    """Yield the card of every such model."""
    return (card for _, card in own_folders())


def own_card(name: str) -> RetrieverCard | None:
    """Return the card of the model called so (case does not matter)."""
    return next((card for card in own_cards() if card.name.lower() == name.lower()), None)


def _card(path: Path) -> RetrieverCard | None:
    try:
        return declared_card(json.loads(path.read_text(encoding="utf-8")).get("card") or {})
    except (OSError, ValueError, AttributeError):  # no model's file
        return None
