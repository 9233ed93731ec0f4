"""Putting the arms' rankings together, and keeping one document from filling the page. Pure."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

# Cormack, Clarke & Büttcher 2009: how little a rank matters far down.
K = 60

Item = TypeVar("Item", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Fused(Generic[Item]):
    """One item with its rank, from 1, in each arm that found it."""

    item: Item
    score: float
    ranks: Mapping[str, int]


def reciprocal_rank_fusion(
    arms: Mapping[str, Sequence[Item]], *, k: int = K, weights: Mapping[Item, float] | None = None
) -> list[Fused[Item]]:
    """Fuse rankings by the sum of 1 / (k + rank), times the item's weight: 1 where `weights` has none.

    Ranks can be compared where scores cannot. Ties stay in the order of the arms, then of the ranks.
    """
    weights = weights or {}
    ranks: dict[Item, dict[str, int]] = {}
    for arm, items in arms.items():
        for rank, item in enumerate(items, start=1):
            ranks.setdefault(item, {}).setdefault(arm, rank)
    fused = [
        Fused(item, weights.get(item, 1.0) * sum(1 / (k + rank) for rank in by_arm.values()), by_arm)
        for item, by_arm in ranks.items()
    ]
    return sorted(fused, key=lambda f: -f.score)


@dataclass(frozen=True, slots=True)
class Row(Generic[Item]):
    """What one row of a page shows, and what is folded under it."""

    shown: Item
    folded: Sequence[Item]


def fold(items: Sequence[Item], groups: Mapping[Item, Hashable], *, at_most: int) -> list[Row[Item]]:
    """Keep the first `at_most` items of each group; the others go under the last kept one."""
    rows: list[Row[Item]] = []
    folded: dict[Hashable, list[Item]] = {}
    kept: dict[Hashable, int] = {}
    for item in items:
        group = groups[item]
        kept[group] = kept.get(group, 0) + 1
        if kept[group] > at_most:
            folded[group].append(item)
            continue
        # Only the last row of a group gets the list that the rest is added to.
        rest = folded[group] = []
        rows.append(Row(item, rest))
    return rows
