"""Is one system better than another on the same queries, or only luckier?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.05
DAGGER = "†"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How much better the first system scores than the second, over the queries both answered."""

    difference: float
    low: float
    high: float
    p_value: float
    queries: int

    @property
    def is_significant(self) -> bool:
        return self.p_value < LEVEL


def compare(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Comparison:
    """Compare two systems by their scores on the same queries, keyed by query id.

    The p-value is of the one-tailed Wilcoxon signed-rank test that ours is better; the interval
    is the 95 % paired bootstrap interval of the mean difference.
    """
    if ours.keys() != theirs.keys() or not ours:
        raise ValueError("systems are compared on the same queries, and at least one")
    differences = np.array([ours[query_id] - theirs[query_id] for query_id in sorted(ours)])
    low, high = bootstrap_interval(differences)
    return Comparison(
        difference=float(differences.mean()),
        low=low,
        high=high,
        p_value=wilcoxon_greater(differences),
        queries=len(differences),
    )


def wilcoxon_greater(differences: np.ndarray) -> float:
    """The chance of differences (Q,) this positive if neither system were better."""
    # Scores that differ by rounding alone are ties: their order would be noise to the ranks.
    rounded = np.round(differences, 12)
    if not rounded.any():
        return 1.0
    return float(stats.wilcoxon(rounded, alternative="greater").pvalue)


def bootstrap_interval(differences: np.ndarray, *, samples: int = 9999, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of (Q,) when queries are drawn again."""
    if len(differences) == 1:
        return float(differences[0]), float(differences[0])
    interval = stats.bootstrap(
        (differences,), np.mean, n_resamples=samples, batch=100, method="percentile", rng=seed
    ).confidence_interval
    return float(interval.low), float(interval.high)
