"""The sentence of a passage that most likely answers, and as much around it as a page can bear. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

from apps.corpora.sentences import Span, sentences

# About eight lines of a result row.
EXCERPT_CHARACTERS = 600

_WORD = re.compile(r"[^\W_]+")
_ENDED = re.compile(r"[.!?;:…][\"'”’»)\]]*$")
_STEMMER = snowballstemmer.stemmer("english")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Text before, in and after the best sentence; plain text, to be escaped by whoever shows it."""

    before: str
    best: str
    after: str
    starts_within: bool = False  #: the passage has more before
    ends_within: bool = False  #: … or after


def excerpt(text: str, weights: Mapping[str, float]) -> Excerpt:
    """Cut `text` to whole sentences around the one whose words weigh most (`weights`: by stem)."""
    spans = spans_of(text)
    return excerpt_around(text, spans, best_sentence(text, spans, weights))


def spans_of(text: str) -> Sequence[Span]:
    return sentences(text) or [Span(0, len(text))]


def excerpt_around(text: str, spans: Sequence[Span], best: int | None) -> Excerpt:
    """Cut `text` to whole sentences around the one at `best`; None marks nothing."""
    first, last = _around(spans, best or 0)
    start, end = spans[first].start, _end(spans[last], spans[first].start)
    within = {"starts_within": first > 0, "ends_within": last < len(spans) - 1 or end < spans[last].end}
    if best is None or len(spans) == 1:  # a tweet marked from end to end says nothing
        return Excerpt(text[start:end], "", "", **within)
    marked = Span(spans[best].start, min(spans[best].end, end))
    return Excerpt(text[start : marked.start], text[slice(*marked)], text[marked.end : end], **within)


def best_sentence(text: str, spans: Sequence[Span], weights: Mapping[str, float]) -> int | None:
    """Return the place of the sentence that holds the most telling words of the query; None if none does."""
    scores = word_scores(text, spans, weights)
    best = max(range(len(spans)), key=lambda place: (scores[place], -place))
    return best if scores[best] > 0 else None


def word_scores(text: str, spans: Sequence[Span], weights: Mapping[str, float]) -> list[float]:
    return [_score(text[slice(*span)], weights) for span in spans]


def matched_words(text: str, weights: Mapping[str, float]) -> tuple[str, ...]:
    """Return the words of `text` that the query has too, as `text` writes them, the most telling first."""
    found: dict[str, str] = {}
    for word in _WORD.findall(text):
        if weights.get(stem := _stem(word.lower())):
            found.setdefault(stem, word)
    return tuple(found[stem] for stem in sorted(found, key=lambda stem: -weights[stem]))


def _score(sentence: str, weights: Mapping[str, float]) -> float:
    """A heading repeats the question rather than answering it: it counts half."""
    score = sum(weights.get(stem, 0.0) for stem in stems(sentence))
    return score if _ENDED.search(sentence) else score / 2


def _around(spans: Sequence[Span], place: int) -> tuple[int, int]:
    """Widen from the sentence at `place`, forwards first, while the excerpt stays short enough."""
    first = last = place
    grown = True
    while grown:
        grown = False
        if last + 1 < len(spans) and spans[last + 1].end - spans[first].start <= EXCERPT_CHARACTERS:
            last, grown = last + 1, True
        if first > 0 and spans[last].end - spans[first - 1].start <= EXCERPT_CHARACTERS:
            first, grown = first - 1, True
    return first, last


def _end(last: Span, start: int) -> int:
    """A single "sentence" can be a table of 5,000 characters: cut it."""
    return min(last.end, start + 2 * EXCERPT_CHARACTERS)


def stems(sentence: str) -> set[str]:
    return {_stem(word.lower()) for word in _WORD.findall(sentence)}


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    """Accents count for nothing, as in the index."""
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", word) if not unicodedata.combining(mark))
    return _STEMMER.stemWord(plain)
