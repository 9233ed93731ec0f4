"""How difficult a query is, read from how the teachers rank its positives.

That difficulty is read from rank and margin is the paper's idea (arXiv 2510.15087); the formula is our choice.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from apps.retrievers.intents import Intent
from workers.refinement.rankings import Ranking

_NO_RIVAL = -1.0  # the lowest cosine there is


def difficulty(ranking: Ranking, number: int) -> float:
    """Return log2(rank) - margin of the `number`-th query, on average over its positives.

    The margin is the positive's score over that of the best other passage: above zero where the rank is 1. So a
    positive that wins by far is below zero, one that just wins is near it, and each doubling of the rank adds one.
    """
    rival = max(float(ranking.scores[number, 0]), _NO_RIVAL)
    margins = ranking.positive_scores[number] - rival
    return float(np.mean(np.log2(ranking.positive_ranks(number)) - margins))


def levels(difficulties: Sequence[float], intents: Sequence[Intent], *, count: int) -> list[int]:
    """Return the level of each query, 0 the easiest: `count` parts of one size within each intent.

    Within the intent, since some intents are harder throughout: cut over all of them, the last level would hold few
    intents, and the model would forget the others while it trains on it.
    """
    members: dict[Intent, list[int]] = defaultdict(list)
    for number, intent in enumerate(intents):
        members[intent].append(number)
    level = [0] * len(difficulties)
    for numbers in members.values():
        for place, number in enumerate(sorted(numbers, key=lambda each: difficulties[each])):
            level[number] = place * count // len(numbers)
    return level
