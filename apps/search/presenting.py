"""What the search page shows beside the hits: chips that drop a filter, examples, how full the index is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import apps.corpora
from apps.corpora.models import Corpus, Passage
from apps.indexing.models import PendingVector, VectorIndex
from apps.retrievers.intents import Intent
from apps.search.intent import LABELS
from apps.search.links import query_string, without_value
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


def chips(asked: Asked, *, names: Mapping[str, Mapping[str, str]]) -> Iterator[Chip]:
    """Yield a chip for each filter of `asked`; `names`: by filter, how its values are called."""
    for name, values in asked.chosen.items():
        for value in values:
            yield _chip(asked, name, value, label=names.get(name, {}).get(value, value))
    if asked.box:
        yield _chip(asked, "box", str(asked.box), label="this part of the map")
    if asked.since:
        yield _chip(asked, "since", asked.since.isoformat(), label=f"from {asked.since:%d %b %Y}")
    if asked.until:
        yield _chip(asked, "until", asked.until.isoformat(), label=f"to {asked.until:%d %b %Y}")


def _chip(asked: Asked, name: str, value: str, *, label: str) -> Chip:
    return Chip(name, value, label, query_string(without_value(asked, name, value)))


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the query: the key that chooses it, and the search read so."""

    key: int
    intent: Intent
    label: str
    query_string: str


def readings(asked: Asked) -> list[Reading]:
    return [
        Reading(key, intent, label, query_string(replace(asked, intent=intent)))
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


def filling(corpora: Sequence[Corpus]) -> Filling | None:
    """Say how full the live index is; None where nothing is owed to it."""
    owing = PendingVector.objects.filter(index__status=VectorIndex.Status.LIVE)
    if not owing.exists():
        return None
    ids = [corpus.pk for corpus in corpora]
    owed = owing.filter(passage__corpus__in=ids).count()
    passages = Passage.objects.filter(corpus__in=ids).count()
    return Filling(passages - owed, passages) if owed else None
