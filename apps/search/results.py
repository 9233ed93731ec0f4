"""An outcome as others read it: JSON for programs, lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.search.intent import LABELS
from apps.search.outcome import Hit, Outcome


def as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "query": outcome.query,
        "intent": str(outcome.intent),
        "detected": str(outcome.detection.intent),
        "instruction": outcome.instruction,
        "model": outcome.model,
        "revision": outcome.revision,
        "mode": outcome.mode,
        "took_ms": round(outcome.took_ms, 1),
        "results": [_hit_as_json(hit) for hit in outcome.hits],
    }


def _hit_as_json(hit: Hit) -> dict[str, Any]:
    names = "rank score corpus kind document_id external_id title page text url".split()
    return {name: getattr(hit, name) for name in names}


def as_lines(outcome: Outcome) -> Iterator[str]:
    """Yield what a person at a terminal reads."""
    reasons = "chosen by you" if outcome.is_chosen else "; ".join(outcome.detection.reasons)
    yield f"Reading this as: {LABELS[outcome.intent]} ({reasons})"
    if outcome.why_words:
        yield f"Words only: {outcome.why_words}."
    else:
        yield f"By meaning ({outcome.model}) and by words, {outcome.took_ms:.0f} ms."
    for hit in outcome.hits:
        page = f", page {hit.page}" if hit.page else ""
        yield f"\n{hit.rank}. {hit.title} [{hit.kind}, {hit.corpus}{page}]"
        yield f"   {hit.excerpt.best or hit.excerpt.before}"
        yield f"   {hit.url}"
    if not outcome.hits:
        yield "Nothing found."
