"""What the search page shows beside the hits: chips that drop a filter, examples, how full the index is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.http import QueryDict

import apps.corpora
from apps.corpora.models import Corpus, Kind, Passage
from apps.indexing.models import PendingVector, VectorIndex
from apps.retrievers.intents import Intent
from apps.search.intent import LABELS
from apps.search.outcome import Asked

_EXAMPLES = Path(apps.corpora.__file__).parent / "exercise" / "queries.json"
EXERCISE_SLUG = "exercise"


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force, and the search without it."""

    name: str  #: the form field it stands for
    value: str
    label: str
    query_string: str


def chips(asked: Asked, *, names: dict[str, str]) -> Iterator[Chip]:
    """Yield a chip for each filter of `asked`; `names`: of corpora, by slug."""
    for slug in asked.corpora:
        yield _chip(asked, "corpus", slug, label=names[slug])
    for kind in asked.kinds:
        yield _chip(asked, "kind", kind, label=str(Kind(kind).label))
    if asked.since:
        yield _chip(asked, "since", asked.since.isoformat(), label=f"from {asked.since:%d %b %Y}")
    if asked.until:
        yield _chip(asked, "until", asked.until.isoformat(), label=f"to {asked.until:%d %b %Y}")


def _chip(asked: Asked, name: str, value: str, *, label: str) -> Chip:
    return Chip(name, value, label, query_string(asked, without=(name, value)))


def query_string(asked: Asked, *, without: tuple[str, str] = ("", ""), intent: Intent | None = None) -> str:
    """Write `asked` as a URL's query string: only what is set, so that a link stays short; page one again."""
    query = QueryDict(mutable=True)
    chosen = intent or asked.intent
    pairs = [
        ("q", asked.query),
        ("intent", str(chosen) if chosen else ""),
        *(("corpus", slug) for slug in asked.corpora),
        *(("kind", kind) for kind in asked.kinds),
        ("since", asked.since.isoformat() if asked.since else ""),
        ("until", asked.until.isoformat() if asked.until else ""),
    ]
    for name, value in pairs:
        if value and (name, value) != without:
            query.appendlist(name, value)
    return query.urlencode()


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the query: the key that chooses it, and the search read so."""

    key: int
    intent: Intent
    label: str
    query_string: str


def readings(asked: Asked) -> list[Reading]:
    return [
        Reading(key, intent, label, query_string(asked, intent=intent))
        for key, (intent, label) in enumerate(LABELS.items(), start=1)
    ]


@dataclass(frozen=True, slots=True)
class Example:
    intent: Intent
    text: str

    @property
    def query_string(self) -> str:
        return query_string(Asked(query=self.text, intent=self.intent))


@cache
def _all_examples() -> tuple[Example, ...]:
    rows = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    shown = [row for row in rows if row["shown"]]
    return tuple(Example(Intent(row["intent"]), row["text"]) for row in shown)


def examples(corpora: Sequence[Corpus]) -> dict[str, list[Example]]:
    """Return example searches by reading: of the exercise, for those who may read it."""
    if not any(corpus.slug.startswith(EXERCISE_SLUG) for corpus in corpora):
        return {}
    grouped: dict[str, list[Example]] = {}
    for example in _all_examples():
        grouped.setdefault(LABELS[example.intent], []).append(example)
    return grouped


@dataclass(frozen=True, slots=True)
class Filling:
    """How many of the passages a person may read have their vector, while some have not."""

    searchable: int
    passages: int


def filling(index: VectorIndex | None, corpora: Sequence[Corpus]) -> Filling | None:
    if index is None or not PendingVector.objects.filter(index=index).exists():
        return None
    ids = [corpus.pk for corpus in corpora]
    owed = PendingVector.objects.filter(index=index, passage__corpus__in=ids).count()
    passages = Passage.objects.filter(corpus__in=ids).count()
    return Filling(passages - owed, passages) if owed else None
