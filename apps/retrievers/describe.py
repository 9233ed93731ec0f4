"""A card as plain data, for people and programs that ask what a model is."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from apps.retrievers.backends import INT8
from apps.retrievers.calibrations import read_calibration
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import find_checkpoint
from apps.retrievers.gates import read_gate
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


def chosen_backends(card: RetrieverCard, revision: str) -> str:
    """Say which backend `auto` takes on this machine."""
    if not card.hub_id:
        return "built in"
    if (gate := read_gate(card, revision)) and gate.passed:
        return f"{INT8} for passages and queries"
    known = read_calibration(card, revision)
    if known is None:
        return "torch on a GPU; on a CPU what is measured at its first use"
    return f"{known.fastest('passages')} for passages, {known.fastest('queries')} for queries"


def _published(card: RetrieverCard) -> dict[str, float] | None:
    """Return NDCG@10 by intent on DisastIR-Test, where the table has this model."""
    row = next((row for row in published_results() if row.name == card.name), None)
    return {**{str(intent): score for intent, score in row.scores.items()}, "average": row.average} if row else None
