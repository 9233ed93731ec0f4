"""The order that a person asked for, over what the arms found together: by date, or newer ones preferred. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf, log2

from apps.search.outcome import Recency, Sort

# In so many days a hit comes to count half as much as one of today.
HALF_LIVES = {Recency.GENTLE: 3 * 365.0, Recency.STRONG: 60.0}

Dates = Mapping[int, datetime | None]


def prefer_recent(scores: Mapping[int, float], dates: Dates, recency: Recency) -> dict[int, float]:
    """Return the scores, best first, those of older passages lowered; undated ones count as the median one's age.

    Half-lives make it all one from which day ages are reckoned: here from the newest passage found. After a thousand
    of them no score is left, its logarithm is: one document dated far ahead leaves the others in their order.
    """
    known = sorted(moment for moment in dates.values() if moment)
    if recency == Recency.OFF or not known:
        return dict(sorted(scores.items(), key=lambda scored: -scored[1]))
    newest, median = known[-1], known[len(known) // 2]

    def half_lives(passage: int) -> float:
        return (newest - (dates.get(passage) or median)).total_seconds() / 86_400 / HALF_LIVES[recency]

    def lowered(passage: int) -> float:
        return (log2(scores[passage]) if scores[passage] > 0 else -inf) - half_lives(passage)

    return {
        passage: scores[passage] * 0.5 ** half_lives(passage) for passage in sorted(scores, key=lowered, reverse=True)
    }


def in_order(passages: Sequence[int], dates: Dates, sort: Sort) -> list[int]:
    """Return `passages`, best first, in the order asked for; undated ones come last, equals stay as they are."""
    if sort == Sort.RELEVANCE:
        return list(passages)
    sign = -1 if sort == Sort.NEWEST else 1
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(passages, key=lambda p: (dates.get(p) is None, sign * ((dates.get(p) or never) - never)))
