"""Which kinds of document answer which intent: the others are found as well, but further down.

A claim is no evidence for itself, and who asks for tweets does not want the report about them. Without
this the short texts of a mixed collection, which repeat a query's words, stand before those that answer it.
"""

from collections.abc import Mapping, Sequence

from apps.corpora.models import Kind
from apps.retrievers.intents import Intent

_WRITTEN = frozenset({Kind.REPORT, Kind.GUIDANCE, Kind.OTHER})

SUITABLE: Mapping[Intent, frozenset[Kind]] = {
    Intent.QA: _WRITTEN,
    Intent.QADOC: frozenset({Kind.REPORT, Kind.GUIDANCE}),
    Intent.TWITTER: frozenset({Kind.TWEET}),
    Intent.FACTCHECK: frozenset({Kind.REPORT, Kind.GUIDANCE}),
    Intent.NLI: frozenset({Kind.OTHER, Kind.CLAIM}),
    Intent.STS: frozenset(Kind),
}

# Of a fused score: the best hit of an unsuitable kind comes level with the 25th or so of a suitable one.
HANDICAP = 0.7


# Of a query that could not be told apart, the reading chosen counts as much as so many of the others.
CHOSEN = 3


def weight(kind: str, intent: Intent, *, alternatives: Sequence[Intent] = ()) -> float:
    """Return what a hit of `kind` counts for `intent`, from 0 to 1; `alternatives` may be meant as well."""
    readings = [*[intent] * CHOSEN, *alternatives]
    return sum(1.0 if kind in SUITABLE[reading] else HANDICAP for reading in readings) / len(readings)
