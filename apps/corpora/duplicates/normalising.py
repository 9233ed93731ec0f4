"""What of a text counts when copies are looked for: its words, without who passed it on and what was hung onto it. Pure."""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import dataclass
from functools import cached_property

# What two long documents differ in shows before this.
LONGEST = 100_000
# Characters: what is longer is no post, and passes nothing on.
_POST = 2_000
# Words: what is quoted is the core of a post that quotes at least so much.
_CORE = 4

_LINK = re.compile(
    r"https?[^\s”\"]*|\b(?:www|pic\.twitter)\.[^\s”\"]+|\b(?:bit\.ly|t\.co|ow\.ly|fb\.me|goo\.gl)/[^\s”\"]*|\bht{1,2}p?:?/{0,2}\s*(?=…|\.\.\.|$)",
    re.IGNORECASE,
)
_PASSED_ON = re.compile(r"\b[RM]T\s*:?\s*[“\"]?\s*@\s?\w+\s*:?|(?<![\w“\"])@\w+\s?:(?=\s)", re.IGNORECASE)
_QUOTED = re.compile(r"[“\"]\s*@\w+\s*:?\s*([^”\"]+)[”\"]")
_ACCOUNT = re.compile(r"(?:\b(?:via|cc|h/t)\s*:?\s*)?@[^\W\d]\w*\s*:?|\bvia \w+\s*$|\bRT\b", re.IGNORECASE)
# Hashtags around a text name its matter; those inside are words of the sentence.
_TAGS_AFTER = re.compile(r"(?:\s*[#＃][^\W\d]\w*[\s.,!|]*+)+$")
_TAGS_BEFORE = re.compile(r"^(?:\s*[#＃][^\W\d]\w*[\s:.,!|-]*+)+(?=\S+\s)")
_CUT_OFF = re.compile(r"\s?\S*\s?(?:…|\.\.\.?)[\s\"”’]*$")
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_AMOUNTS = {
    word: str(number)
    for number, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), start=1)
}
_ABOUT = frozenset("dozen dozens scores hundred hundreds thousand thousands million millions".split())
# Words that stand before a headline with capitals of their own.
_LABELS = frozenset(
    "breaking update updated video photo photos news urgent report watch live new just more all".split()
)
_BREAK = re.compile(r"[.:;!?|–—\n\"“”()]| - ")


@dataclass(frozen=True)
class Normalised:
    words: tuple[str, ...]
    breaks: frozenset[int] = frozenset()  #: how many words stand before a colon, full stop, dash …
    names: frozenset[str] = frozenset()  #: words with a capital that no sentence begins with
    is_cut: bool = False  #: it breaks off, as passed on posts do

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(self.words)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Return what says how many, in digits or words."""
        return frozenset(word for word in self.words if word[0].isdigit() or word in _ABOUT)

    @cached_property
    def shingles(self) -> frozenset[str]:
        return shingles_of(self.words)


def shingles_of(words: tuple[str, ...]) -> frozenset[str]:
    """Return the pairs of neighbouring words."""
    return frozenset(" ".join(pair) for pair in itertools.pairwise(words)) or frozenset(words)


def normalise(text: str) -> Normalised:
    text = _LINK.sub(" | ", html.unescape(text[:LONGEST])).strip()
    is_cut = False
    if len(text) <= _POST:
        text = _without_tags_around(_ACCOUNT.sub(" ", _core(text)).strip(" |"))
        is_cut = bool(_CUT_OFF.search(text))
        text = _without_tags_around(_CUT_OFF.sub("", text)) if is_cut else text
    words: list[str] = []
    breaks, names, end = {0}, set(), 0
    for match in _WORD.finditer(text):
        if _BREAK.search(text, end, match.start()):
            breaks.add(len(words))
        end = match.end()
        word = match[0]
        if word[0].isupper() and len(words) not in breaks and word.lower() not in _LABELS:
            names.add(_plain(word))
        words.append(_plain(word))
    return Normalised(tuple(words), frozenset({*breaks, len(words)}), frozenset(names), is_cut)


def _core(text: str) -> str:
    """Return what a post passes on or quotes, without what its author said to it."""
    for passed_on in reversed(list(_PASSED_ON.finditer(text))):
        if len(text[passed_on.end() :].split()) >= _CORE:
            text = text[passed_on.end() :]
            break
    quoted = _QUOTED.search(text)
    return quoted[1] if quoted and len(quoted[1].split()) >= _CORE else text


def _without_tags_around(text: str) -> str:
    inside = _TAGS_BEFORE.sub("", _TAGS_AFTER.sub("", text)).strip(" |")
    return inside if len(inside.split()) > 2 else text


def _plain(word: str) -> str:
    """Return a word in small letters, without what people leave out: "1,034" as "1034", "seven" as "7", "it's" as "its"."""
    if word[0].isdigit():
        return word.replace(",", "").rstrip(".:")
    word = word.lower().replace("’", "").replace("'", "")
    return _AMOUNTS.get(word, word)
