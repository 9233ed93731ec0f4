"""What a model's folder says of itself: how a model trained here is known, since no list of ours can hold it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from apps.retrievers.card import RetrieverCard
from apps.retrievers.prompts import Prompts

_FACTS = "name dim layers parameters max_tokens pooling architecture bidirectional end_mark licence".split()


def declaration(card: RetrieverCard) -> dict[str, Any]:
    """Return what `declared_card` reads."""
    return {**{fact: getattr(card, fact) for fact in _FACTS}, "prompts": asdict(card.prompts)}


def declared_card(declared: Mapping[str, Any]) -> RetrieverCard | None:
    """Return the card that a folder declares, or None where it declares none that can be understood."""
    facts = {fact: declared[fact] for fact in _FACTS if fact in declared}
    try:
        return RetrieverCard(
            **facts,
            hub_id=f"local/{facts['name']}",
            prompts=Prompts(**declared["prompts"]),
            note="Trained here.",
        )
    except (KeyError, TypeError):
        return None
