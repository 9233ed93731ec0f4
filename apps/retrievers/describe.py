"""A card as plain data, for people and programs that ask what a model is."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import find_checkpoint
from apps.retrievers.intents import Intent
from apps.retrievers.published import published_results


def describe(card: RetrieverCard, *, folder: Path | None = None) -> dict[str, Any]:
    """Return the card's facts, its prompts written out, its published scores and where its files are."""
    found = find_checkpoint(card, folder=folder)
    return {
        **asdict(card),
        "size_class": card.size_class,
        "knows_intents": card.knows_intents,
        "prompts": {
            "query": {str(intent): card.query_text("…", intent) for intent in Intent},
            "passage": card.passage_text("…"),
        },
        "published": _published(card),
        "checkpoint": {"path": str(found.path), "revision": found.revision} if found else None,
    }


def _published(card: RetrieverCard) -> dict[str, float] | None:
    """Return NDCG@10 by intent on DisastIR-Test, where the table has this model."""
    row = next((row for row in published_results() if row.name == card.name), None)
    return {**{str(intent): score for intent, score in row.scores.items()}, "average": row.average} if row else None
