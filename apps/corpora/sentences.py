"""Where sentences begin and end, in text of any of the languages we meet. Pure, one pass, linear."""

import re
from typing import NamedTuple


class Span(NamedTuple):
    start: int
    end: int


# A stop with its closing quotes and some space after it, the fuller stops of other scripts, or a new line.
_BORDER = re.compile(r"(?P<stop>[.!?…؟।])(?P<close>[\"'”’»)\]]{0,3})[ \t]+(?=\S)|[。！？][」』）”]?|\n+")

_LAST_WORD = re.compile(r"[^\s(\[\"'“«]*\Z")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]?\Z|[A-Z]\Z")  # U.S  p.m  J
_NUMBERED_ITEM = re.compile(r"(?:\d{1,2}|[ivxIVX]{1,4}|[a-zA-Z])\Z")

# After these a stop never ends a sentence …
_TITLES = frozenset(
    "mr mrs ms dr prof gen col maj capt cpt lt sgt adm gov sen rep hon pres rev st ste sta mt ft M mm mme mlle "
    "sr sra no nos nr num art fig figs tab vol pp para sec chap ch cf vs viz approx ca dept est ext tel env "
    "gal op cit min max avg incl excl resp ref e.g i.e p.ex rd ave blvd jr".split()
)
# … and after these it does when a word with a capital follows.
_OPEN = frozenset(
    "etc al inc ltd corp co bros jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun "
    "janv févr avr juil déc hrs hr km kg cm mm mi lb lbs oz ed eds u.s u.n u.k d.c a.m p.m".split()
)
_STARTERS = frozenset(
    "the a an this that these those it he she they we you i in on at as if when after before for from to but "
    "and however there all no some many more most le la les l un une des ce cette il elle ils elles nous".split()
)
_WORD = re.compile(r"[\"'“«(\[]*([^\W_]+)")


def sentences(text: str) -> list[Span]:
    """Return the sentences of `text` in order, without the white space around them.

    A new line is always a border: extraction has already joined lines that were only wrapped.
    """
    found = []
    start = 0
    for border in _BORDER.finditer(text):
        if border["stop"] and not _ends_sentence(text, start, border):
            continue
        found.append(_stripped(text, start, border.end()))
        start = border.end()
    found.append(_stripped(text, start, len(text)))
    return [span for span in found if span.end > span.start]


def _stripped(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def _ends_sentence(text: str, start: int, border: re.Match[str]) -> bool:
    following = text[border.end()]
    if border["stop"] in "!?؟।":
        return not following.islower()
    if following.islower() or following in ",;:)":
        return False
    if border["stop"] == "…" or border["close"]:
        return True
    # A word longer than this is no abbreviation; looking further back would cost on text without spaces.
    before = _LAST_WORD.search(text, max(start, border.start() - 24), border.start())
    word = before.group() if before else ""
    if before and before.start() == start and _NUMBERED_ITEM.match(word):
        return False  # "3. Shelter": the number belongs to what it counts
    return not _is_abbreviation(word, text, border.end())


def _is_abbreviation(word: str, text: str, after: int) -> bool:
    """Say whether the stop after `word` belongs to it; `after` is where the next word begins."""
    initials = bool(_INITIALS.match(word))
    word = word if word == "M" else word.lower()  # M. Dupont, but 3.5 m.
    if word in _TITLES:
        return not (word in {"no", "min", "max", "art"} and not text[after].isdigit())
    following = _WORD.match(text, after)
    starts_afresh = following is not None and following[1].lower() in _STARTERS
    if word in _OPEN:
        return not (starts_afresh or (following is None)) and not word.startswith("etc")
    return initials and not starts_afresh
