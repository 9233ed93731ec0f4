"""How well judges agree, and what several of them say together. Pure.

Cohen's kappa (1960) for two judges, Fleiss' (1971) for any number; the latter with items judged by
different numbers of people, each pair of judgments on an item counting alike within it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

Combination = Literal["majority", "mean"]


def raw_agreement(pairs: Sequence[tuple[int, int]]) -> float:
    """Return the share of items to which both judges gave the same grade."""
    return sum(one == other for one, other in pairs) / len(pairs)


def cohen_kappa(pairs: Sequence[tuple[int, int]]) -> float:
    """Return agreement beyond chance of two judges: 1 is perfect, 0 chance, nan where both gave but one grade."""
    first, second = (Counter(grades) for grades in zip(*pairs, strict=True))
    by_chance = sum(first[grade] * second[grade] for grade in first) / len(pairs) ** 2
    return _beyond_chance(raw_agreement(pairs), by_chance)


def fleiss_kappa(items: Iterable[Sequence[int]]) -> float:
    """Return agreement beyond chance over items with the grades of two or more judges each; nan as for Cohen's."""
    judged = [Counter(grades) for grades in items if len(grades) > 1]
    if not judged:
        return math.nan
    observed = sum(_agreeing_pairs(counts) for counts in judged) / len(judged)
    overall = sum(judged, Counter[int]())
    by_chance = sum((count / overall.total()) ** 2 for count in overall.values())
    return _beyond_chance(observed, by_chance)


def combined(grades: Sequence[int], *, by: Combination) -> int:
    """Return one grade for several judges': the mean, halves up, or the majority's, the lower one of a tie."""
    if by == "mean":
        return math.floor(sum(grades) / len(grades) + 0.5)
    counts = Counter(grades)
    return min(counts, key=lambda grade: (-counts[grade], grade))


@dataclass(frozen=True, slots=True)
class Pair:
    """How two judges agree on what both judged."""

    judges: tuple[str, str]
    items: int
    raw: float
    kappa: float

    @property
    def percent(self) -> int:
        return round(self.raw * 100)


def pairwise(grades: Mapping[str, Mapping[object, int]]) -> list[Pair]:
    """Compare every two judges that judged some item both; `grades`: of each judge, by item."""
    pairs = []
    for one, other in combinations(sorted(grades), 2):
        if both := grades[one].keys() & grades[other].keys():
            given = [(grades[one][item], grades[other][item]) for item in both]
            pairs.append(Pair((one, other), len(given), raw_agreement(given), cohen_kappa(given)))
    return pairs


def _agreeing_pairs(counts: Counter[int]) -> float:
    judges = counts.total()
    return sum(count * (count - 1) for count in counts.values()) / (judges * (judges - 1))


def _beyond_chance(observed: float, by_chance: float) -> float:
    return math.nan if by_chance == 1 else (observed - by_chance) / (1 - by_chance)
