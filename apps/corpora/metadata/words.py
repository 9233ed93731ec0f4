"""A text's words with what tells them apart: capitals, hashtags. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# An address begins where a space ends: looked for at every letter, text without spaces (Chinese) would take seconds.
_LINK = re.compile(r"\b(?:https?://|www\.)\S+|(?<!\S)[^\s@]+@[^\s@]+\.\w+", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_MARKED = re.compile(rf"[#@]?{WORD.pattern}")
# "NepalEarthquake2015" → Nepal, Earthquake, 2015
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")


@dataclass(frozen=True, slots=True)
class Word:
    text: str  #: as written, without the # of a hashtag
    start: int
    end: int
    in_hashtag: bool = False

    @property
    def is_capitalised(self) -> bool:
        return self.text[:1].isupper()


def words_of(text: str) -> list[Word]:
    """Return the words in order: hashtags cut at their humps; no links, addresses and @names."""
    return list(_words(_LINK.sub(_blank, text)))


def _words(text: str) -> Iterator[Word]:
    for match in _MARKED.finditer(text):
        word = match[0]
        if word[0] == "@":
            continue
        if word[0] == "#":
            yield from _of_hashtag(word[1:], match.start() + 1)
        else:
            yield Word(word.removesuffix("'s").removesuffix("’s"), match.start(), match.end())


def _of_hashtag(tag: str, start: int) -> Iterator[Word]:
    spans = [part.span() for part in _HUMP.finditer(tag)] or [(0, len(tag))]
    for begin, end in spans:
        yield Word(tag[begin:end], start + begin, start + end, in_hashtag=True)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def singular(word: str) -> str:
    """Return `word` in small letters and, by its ending alone, in the singular: the same for a term and its text."""
    word = word.lower()
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "xes", "zes")) else word[:-1]
