"""Mutual agreement: a pair stays where enough retrievers find its positive good for its query.

arXiv 2510.15087 filters so; how many retrievers (`min_agree`) must rank it how high (`top_k`) is our choice.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.refinement.examples import Example

Votes = NDArray[np.bool_]


def votes(ranks: Sequence[NDArray[np.int64]], *, top_k: int) -> Votes:
    """Return who finds which positive good: (n, P). ranks: for each of n retrievers (P,), 1 is best."""
    return np.stack(ranks) <= top_k


def agreed(example: Example, cast: Votes, *, min_agree: int) -> Example | None:
    """Return the example with the positives that at least `min_agree` retrievers find good; None without any."""
    good = cast.sum(axis=0) >= min_agree
    if not good.any():
        return None
    triple = example.triple
    scores = zip(triple.positive_scores, good, strict=False)  # there may be none
    return replace(
        example,
        set_aside=(
            *example.set_aside,
            *(text for text, is_good in zip(triple.positives, good, strict=True) if not is_good),
        ),
        triple=replace(
            triple,
            positives=tuple(text for text, is_good in zip(triple.positives, good, strict=True) if is_good),
            positive_scores=tuple(score for score, is_good in scores if is_good),
        ),
    )


@dataclass(slots=True)
class AgreementReport:
    """Counts positives, by intent and by who agreed with whom."""

    retrievers: Sequence[str]
    min_agree: int
    positives: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    ballots: Counter[tuple[bool, ...]] = field(default_factory=Counter)

    def add(self, example: Example, cast: Votes) -> None:
        intent = str(example.triple.intent)
        self.positives[intent] += cast.shape[1]
        self.kept[intent] += int((cast.sum(axis=0) >= self.min_agree).sum())
        self.ballots.update(map(tuple, cast.T.tolist()))

    def to_json(self) -> dict[str, Any]:
        numbers = range(len(self.retrievers))
        ballots = np.array(list(self.ballots), dtype=bool).reshape(-1, len(self.retrievers))  # (B, n)
        weights = np.array(list(self.ballots.values())) / max(1, self.ballots.total())  # (B,)
        counts = ballots.sum(axis=1)
        return {
            "positives": {
                intent: {"all": count, "kept": self.kept[intent]} for intent, count in sorted(self.positives.items())
            },
            "votes": {str(count): _share(weights, counts == count) for count in (*numbers, len(numbers))},
            "found_good": {self.retrievers[number]: _share(weights, ballots[:, number]) for number in numbers},
            "pairs": [
                {"retrievers": [self.retrievers[first], self.retrievers[second]]}
                | concord(ballots[:, first], ballots[:, second], weights)
                for first, second in combinations(numbers, 2)
            ],
        }


def concord(first: Votes, second: Votes, weights: NDArray[np.float64]) -> dict[str, float | None]:
    """Return how often two say the same, and Cohen's kappa: by how much more than chance. All (B,)."""
    same, a, b = (float(weights[mask].sum()) for mask in (first == second, first, second))
    chance = a * b + (1 - a) * (1 - b)
    return {"same": round(same, 4), "kappa": round((same - chance) / (1 - chance), 4) if chance < 1 else None}


def _share(weights: NDArray[np.float64], mask: Votes) -> float:
    return round(float(weights[mask].sum()), 4)
