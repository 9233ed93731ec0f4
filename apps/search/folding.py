"""Keeping one document, or many copies of one, from filling the page. Pure: nothing is lost, only folded."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from apps.corpora.models import Kind
from apps.search.facts import PassageFacts

OFFICIAL = frozenset({Kind.REPORT, Kind.GUIDANCE})


@dataclass(frozen=True, slots=True)
class Row:
    """What one row of a page shows, and what is folded under it."""

    shown: int  #: a passage
    folded: list[int] = field(default_factory=list)  #: further passages of its document


def rows_of(ranked: Sequence[int], facts: Mapping[int, PassageFacts], *, of_one_document: int | None) -> list[Row]:
    """Return the rows of a ranking of passages; with `of_one_document` None, one a passage."""
    if of_one_document is None:
        return [Row(passage) for passage in ranked]
    unique = without_copies(ranked, facts)
    return fold(unique, {passage: facts[passage].document_id for passage in unique}, at_most=of_one_document)


def without_copies(ranked: Sequence[int], facts: Mapping[int, PassageFacts]) -> list[int]:
    """Keep of near-duplicate documents the most official and newest one, where the best placed of them stood."""
    stands_for = _standing(ranked, facts)
    first = {facts[passage].document_id: passage for passage in reversed(ranked)}
    begun: set[int] = set()
    unique: list[int] = []
    for passage in ranked:
        document = stands_for[facts[passage].document_id]
        if document not in begun:
            begun.add(document)
            unique.append(first[document])
        elif facts[passage].document_id == document and passage != first[document]:
            unique.append(passage)
    return unique


def _standing(ranked: Sequence[int], facts: Mapping[int, PassageFacts]) -> dict[int, int]:
    """Return for each document the one that is shown for it: most often itself."""
    groups: dict[Hashable, list[PassageFacts]] = {}
    for passage in ranked:
        fact = facts[passage]
        groups.setdefault(fact.duplicates_id or ("alone", fact.document_id), []).append(fact)
    return {fact.document_id: max(group, key=_precedence).document_id for group in groups.values() for fact in group}


def _precedence(fact: PassageFacts) -> tuple[bool, bool, float, int]:
    """Official before public, the original before those who passed it on, then the newest."""
    newest = fact.published_at.timestamp() if fact.published_at else float("-inf")
    return fact.kind in OFFICIAL, not fact.is_passed_on, newest, -fact.document_id


def fold(items: Sequence[int], groups: Mapping[int, Hashable], *, at_most: int) -> list[Row]:
    """Keep the first `at_most` items of each group; the others go under the last kept one."""
    rows: list[Row] = []
    last: dict[Hashable, Row] = {}
    kept: dict[Hashable, int] = {}
    for item in items:
        group = groups[item]
        kept[group] = kept.get(group, 0) + 1
        if kept[group] > at_most:
            last[group].folded.append(item)
            continue
        last[group] = Row(item)
        rows.append(last[group])
    return rows
