"""As which intents a query is read, and which kinds of document each reading searches. Pure.

A model that was trained with instructions sees a query about tweets otherwise than one about guidance. So over
mixed corpora each kind is searched as the intent that it answers; what nothing is known of is read as asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.corpora.models import Kind
from apps.retrievers.intents import Intent
from apps.search.suitable import SUITABLE

STATEMENTS = frozenset({Intent.FACTCHECK, Intent.NLI, Intent.STS})


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the query, and the kinds searched so."""

    intent: Intent
    kinds: tuple[Kind, ...]  #: none: all

    def searches(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds


def readings(intent: Intent, *, alternatives: Sequence[Intent] = (), kinds: Sequence[str] = ()) -> tuple[Reading, ...]:
    """Return how to read a query over mixed corpora: `intent` first, each kind as at least one reading.

    alternatives: what it may be meant as just as well; each joins for the kinds that answer it.
    kinds: those searched; none given: all.
    """
    of_each: dict[Intent, list[Kind]] = {intent: []}
    for kind in Kind:
        if kinds and kind not in kinds:
            continue
        suitable = [reading for reading in (intent, *alternatives) if kind in SUITABLE[reading]]
        for reading in suitable or [_natural(kind, intent)]:
            of_each.setdefault(reading, []).append(kind)
    return tuple(Reading(reading, tuple(found)) for reading, found in of_each.items() if found)


def forced(intent: Intent) -> tuple[Reading, ...]:
    """Return the one reading that a person insists on, over whatever is searched."""
    return (Reading(intent, ()),)


def _natural(kind: Kind, intent: Intent) -> Intent:
    """Return what a kind answers that does not answer `intent`."""
    is_statement = intent in STATEMENTS
    natural: Mapping[Kind, Intent] = {
        Kind.TWEET: Intent.TWITTER,
        Kind.REPORT: Intent.FACTCHECK if is_statement else Intent.QADOC,
        Kind.GUIDANCE: Intent.FACTCHECK if is_statement else Intent.QA,
        Kind.CLAIM: Intent.STS,
        Kind.OTHER: Intent.STS if is_statement else Intent.QA,
    }
    return natural[kind]
