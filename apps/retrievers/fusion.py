"""How meaning and words are weighed against each other: one definition for search and evaluator. Pure."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

from apps.retrievers.intents import Intent

#: The dense arm's share of the sum, when each arm's scores are stretched to 0 … 1; the words have the rest.
#: Long documents are found by their words, a sentence of the same meaning by its vector: measured on twelve
#: sets in docs/experiments.md, with a small model without instructions. A better model deserves more: an index may
#: have shares of its own.
DENSE_SHARES: Mapping[str, float] = {
    Intent.QADOC: 0.35,
    Intent.QA: 0.6,
    Intent.TWITTER: 0.6,
    Intent.FACTCHECK: 0.6,
    Intent.NLI: 0.75,
    Intent.STS: 0.9,
}

Item = TypeVar("Item", bound=Hashable)


def dense_share(intent: Intent, chosen: Mapping[str, float] = DENSE_SHARES) -> float:
    return chosen.get(intent, DENSE_SHARES[intent])


def check_shares(shares: Mapping[str, float]) -> None:
    """Raise ValueError, saying what is wrong, unless intents have numbers from 0 to 1."""
    for intent, share in shares.items():
        if intent not in DENSE_SHARES:
            raise ValueError(f"{intent} is not an intent: {', '.join(DENSE_SHARES)}.")
        if not 0 <= share <= 1:
            raise ValueError(f"The share of {intent} must be from 0 to 1.")


def fuse_scores(by_meaning: Mapping[Item, float], by_words: Mapping[Item, float], *, share: float) -> dict[Item, float]:
    """Fuse two arms' scores, each stretched to 0 … 1, meaning counting `share` and words the rest; best first.

    A convex combination (Bruch et al. 2023): unlike fusion by rank it keeps by how much the best is the best. What only
    one arm could score has that arm's score alone: a passage that waits for its vector must not sink for it.
    """
    meaning, words = _stretched(by_meaning), _stretched(by_words)
    scores = {
        item: share * meaning.get(item, words.get(item, 0.0)) + (1 - share) * words.get(item, meaning.get(item, 0.0))
        for item in dict.fromkeys([*meaning, *words])
    }
    return dict(sorted(scores.items(), key=lambda scored: -scored[1]))


def _stretched(scores: Mapping[Item, float]) -> dict[Item, float]:
    """Return the scores from 0, the worst, to 1; where all are alike, 1 each, or 0 if they say nothing."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high == low:
        return dict.fromkeys(scores, float(high > 0))
    return {item: (score - low) / (high - low) for item, score in scores.items()}
