"""DisastIR's eight groups of hazards with their types, as data, and the hazards that a text tells of. Pure."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.utils.text import slugify

from apps.corpora.metadata.words import Word, singular, words_of

_DATA = Path(__file__).with_name("hazards.toml")

_TITLE_COUNTS = 3
_SHORT = 150  # words: one mention is enough
_ENOUGH = 2
_SHARE = 0.25  # of the mentions of the main hazard
_MOST = 4


@dataclass(frozen=True, slots=True)
class HazardGroup:
    code: str  #: as DisastIR writes it: "Geo"
    label: str
    icon: str  #: in static/img/icons.svg


@dataclass(frozen=True, slots=True)
class HazardType:
    slug: str  #: what `Document.hazards` holds
    label: str
    group: str


@dataclass(frozen=True, slots=True)
class _Term:
    hazard: str
    is_weak: bool
    as_written: str = ""  #: set where only these capitals count


@dataclass(slots=True)
class _Mentions:
    count: int = 0
    weak: int = 0
    terms: set[tuple[str, ...]] = field(default_factory=set)

    def score(self, *, is_short: bool) -> int:
        """Weak terms count once something confirms them: in a long text, only what is sure."""
        confirmed = self.count or (is_short and len(self.terms) > 1)
        return self.count + self.weak if confirmed else 0


def _read() -> tuple[dict[str, HazardGroup], dict[str, HazardType], dict[tuple[str, ...], list[_Term]]]:
    groups: dict[str, HazardGroup] = {}
    types: dict[str, HazardType] = {}
    terms: dict[tuple[str, ...], list[_Term]] = {}
    for code, group in tomllib.loads(_DATA.read_text("utf-8")).items():
        groups[code] = HazardGroup(code, group["label"], group["icon"])
        for line in group["types"].strip().splitlines():
            label, _, others = line.partition(":")
            kind = HazardType(slugify(label), label.lstrip("-"), code)
            types[kind.slug] = kind
            own = [] if label.startswith("-") else [label]
            for written in [*own, *filter(None, (other.strip() for other in others.split(",")))]:
                key, term = _term(written, kind.slug)
                terms.setdefault(key, []).append(term)
    return groups, types, terms


def _term(written: str, slug: str) -> tuple[tuple[str, ...], _Term]:
    weak = written.startswith("?")
    written = written.removeprefix("?")
    key = tuple(singular(word.text) for word in words_of(written))
    as_written = written if written.isupper() and written.isalnum() else ""
    return key, _Term(slug, weak, as_written)


GROUPS, TYPES, _TERMS = _read()
LABELS = frozenset(kind.label for kind in TYPES.values())
_LENGTHS = {first: max(len(key) for key in _TERMS if key[0] == first) for first in {key[0] for key in _TERMS}}


@cache
def types_of(group: str) -> tuple[str, ...]:
    """Return the slugs of a group's types: a filter by group is one by these."""
    return tuple(slug for slug, kind in TYPES.items() if kind.group == group)


def group_of(slug: str) -> HazardGroup | None:
    return GROUPS[TYPES[slug].group] if slug in TYPES else None


def label_of(slug: str) -> str:
    return TYPES[slug].label if slug in TYPES else slug.replace("-", " ").capitalize()


def from_field(value: str) -> list[str]:
    """Return the hazards that a field names: "Flood; Landslide", "geo:earthquake", "Flash Flood"."""
    named = [slugify(part) for part in value.replace(";", ",").replace("|", ",").split(",")]
    known = [slug for slug in named if slug in TYPES]
    return list(dict.fromkeys(known)) or find(words_of(value))


def find(words: Sequence[Word], *, title: Sequence[Word] = ()) -> list[str]:
    """Return the hazards that a text is about, the main one first."""
    mentions: dict[str, _Mentions] = {}
    for source, weight in ((words, 1), (title, _TITLE_COUNTS)):
        for key, term in _found(source):
            mention = mentions.setdefault(term.hazard, _Mentions())
            mention.terms.add(key)
            if term.is_weak:
                mention.weak += weight
            else:
                mention.count += weight
    is_short = len(words) < _SHORT
    scores = Counter({slug: mention.score(is_short=is_short) for slug, mention in mentions.items()})
    if not +scores:
        return []
    least = max(scores.most_common(1)[0][1] * _SHARE, 1 if is_short else _ENOUGH)
    return [slug for slug, score in scores.most_common(_MOST) if score >= least]


@cache
def terms_of(slug: str) -> tuple[tuple[str, ...], ...]:
    """Return the terms of a type, each as its words in the singular."""
    return tuple(key for key, terms in _TERMS.items() if any(term.hazard == slug for term in terms))


_LONG = 5  # letters: shorter terms are parts of other words
_ENDS = {key[0] for key, terms in _TERMS.items() if len(key) == 1 and len(key[0]) >= _LONG and not terms[0].as_written}


def _in_hashtag(word: str) -> str | None:
    """Return the term that an uncut hashtag begins or ends with: #qldfloods, #terremotogt."""
    parts = (part for length in range(len(word) - 2, _LONG - 1, -1) for part in (word[-length:], word[:length]))
    return next((part for part in parts if part in _ENDS), None)


def _found(words: Sequence[Word]) -> Iterator[tuple[tuple[str, ...], _Term]]:
    """Yield the terms in the words, the longest at each place."""
    plain = [singular(word.text) for word in words]
    at = 0
    while at < len(plain):
        key = _longest(plain, words, at)
        if key is None and words[at].in_hashtag and (part := _in_hashtag(plain[at])):
            key = (part,)
        for term in _TERMS[key] if key else ():
            yield key or (), term
        at += len(key) if key else 1


def _longest(plain: Sequence[str], words: Sequence[Word], at: int) -> tuple[str, ...] | None:
    for length in range(_LENGTHS.get(plain[at], 0), 0, -1):
        key = tuple(plain[at : at + length])
        terms = _TERMS.get(key)
        if terms and (not terms[0].as_written or words[at].text == terms[0].as_written):
            return key
    return None
