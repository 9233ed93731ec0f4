"""Queries to measure an index by: what people asked first, sentences of passages only to fill up.

Nobody is shown these texts: a certificate tells how many there were of each kind, and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

from django.http import QueryDict

from apps.corpora.models import Corpus
from apps.corpora.sentences import sentences
from apps.feedback.models import Query
from apps.indexing.models import ShadowedSearch
from apps.indexing.sampling import some_passages
from apps.retrievers.intents import Intent
from apps.search import wording
from apps.search.intent import detect
from apps.search.models import QueryItem, SavedSearch
from apps.search.presenting import examples

# Of passages; the same ones at each re-check.
SEED = 0
# The newest of each kind: what people ask changes too.
NEWEST = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    text: str
    intent: Intent


def queries(count: int) -> Iterator[tuple[str, Asked]]:
    """Yield up to `count` different queries, each with where it came from: of each kind as many as of any other."""
    in_turn = zip_longest(*([(source, asked) for asked in sorted(found, key=_lot)] for source, found in _of_people()))
    mixed = (drawn for drawn in chain.from_iterable(in_turn) if drawn)
    last = (("example queries", asked) for asked in _of_the_exercise())
    seen: set[str] = set()
    for source, asked in chain(mixed, last, _of_passages(count)):
        if len(seen) == count:
            return
        if asked.text not in seen:
            seen.add(asked.text)
            yield source, asked


def _lot(asked: Asked) -> bytes:
    """Return a lot that a query keeps: what changes from one certificate to the next is the index, not the sample."""
    return hashlib.blake2b(asked.text.encode()).digest()


def _of_people() -> Iterator[tuple[str, list[Asked]]]:
    saved = SavedSearch.objects.kept().order_by("-pk").values_list("query_string", flat=True)
    in_lists = QueryItem.objects.order_by("-pk").values_list("text", "intent", "chosen")
    judged = Query.objects.order_by("-pk").values_list("text", "intent")
    lately = ShadowedSearch.objects.order_by("-pk").values_list("text", "intent")
    yield "judged queries", [_asked(*row) for row in judged[:NEWEST]]
    yield "saved searches", [asked for each in saved[:NEWEST] if (asked := _saved(each))]
    yield "queries of lists", [_asked(text, intent or chosen) for text, intent, chosen in in_lists[:NEWEST]]
    yield "searches of people", [_asked(*row) for row in lately[:NEWEST]]


def _saved(query_string: str) -> Asked | None:
    kept = QueryDict(query_string)
    text = wording.read(kept.get("q", "")).text.strip()
    return _asked(text, kept.get("intent", "")) if text else None


def _asked(text: str, intent: str) -> Asked:
    known = intent in set(Intent)
    return Asked(text, Intent(intent) if known else detect(text, set(), []).intent)


def _of_the_exercise() -> Iterator[Asked]:
    """Yield the example queries where their corpora are."""
    for group in examples(list(Corpus.objects.all())).values():
        yield from (Asked(example.text, example.intent) for example in group)


def _of_passages(count: int) -> Iterator[tuple[str, Asked]]:
    for text in islice(some_passages(count, seed=SEED), count):
        first = next(iter(sentences(text)), None)
        yield "first sentences of passages", Asked(text[slice(*first)] if first else text, Intent.QA)
