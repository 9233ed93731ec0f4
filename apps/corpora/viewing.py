"""A document's text as its page shows it: passages in reading order, with headings and page marks. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.corpora.models import Passage

# On one page; a report of 10,000 pages must not be one answer.
PASSAGES_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class PageMark:
    """Here page `number` begins."""

    number: int


@dataclass(frozen=True, slots=True)
class TextHeading:
    """A line of the text that is a heading; level 1 is the highest."""

    words: str
    level: int


Part = str | PageMark | TextHeading


@dataclass(frozen=True, slots=True)
class ShownPassage:
    passage: Passage
    is_chosen: bool
    parts: tuple[Part, ...]  #: its text, cut at headings and where a page begins


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the file said about itself."""

    name: str
    value: str
    is_link: bool


# What a tweet's card or the page's head shows already.
_SHOWN_ELSEWHERE = frozenset(
    "published_at_from author_name retweet_of_author reply_to_author retweet_count like_count "
    "place coordinates latitude longitude event hazard crisis".split()
)


def page_of(position: int) -> int:
    """Return on which page, from 1, the passage at `position` is shown."""
    return position // PASSAGES_A_PAGE + 1


def shown(
    passages: Sequence[Passage],
    *,
    page_starts: Sequence[int],
    headings: Sequence[tuple[int, int]] = (),
    chosen: int | None = None,
) -> Iterator[ShownPassage | PageMark]:
    """Yield the passages with the marks of the pages that begin before or inside them.

    page_starts: character offset at which each page begins. headings: offset and level of each, in
    order. chosen: the passage to be pointed at.
    """
    seen = 0
    for passage in passages:
        before = bisect_right(page_starts, passage.start)
        if before > seen:
            yield PageMark(before)
        seen = bisect_right(page_starts, passage.end - 1)
        pages = [(page_starts[number], PageMark(number + 1)) for number in range(before, seen)]
        parts = tuple(_parts(passage, pages, _headings_in(passage, headings)))
        yield ShownPassage(passage=passage, is_chosen=passage.pk == chosen, parts=parts)


def facts(metadata: Mapping[str, Any]) -> list[Fact]:
    """Return what is known of a document beside its text, as names and values to be read."""
    found = []
    for name, value in metadata.items():
        if name in _SHOWN_ELSEWHERE or value in (None, "", [], {}):
            continue
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        is_link = words.startswith(("https://", "http://")) and " " not in words
        found.append(Fact(name.replace("_", " ").capitalize(), words, is_link))
    return found


def _headings_in(passage: Passage, headings: Sequence[tuple[int, int]]) -> Iterator[tuple[int, TextHeading]]:
    first = bisect_left(headings, passage.start, key=lambda heading: heading[0])
    for start, level in headings[first:]:
        if start >= passage.end:
            return
        words = passage.text[start - passage.start :].partition("\n")[0]
        yield start, TextHeading(words, level)


def _parts(
    passage: Passage, pages: Sequence[tuple[int, PageMark]], headings: Iterator[tuple[int, TextHeading]]
) -> Iterator[Part]:
    at = passage.start
    # By offset alone: where a page begins with a heading, the mark of the page comes first.
    marks: list[tuple[int, PageMark | TextHeading]] = [*pages, *headings]
    for start, mark in sorted(marks, key=lambda pair: pair[0]):
        if text := _between(passage, at, start):
            yield text
        yield mark
        at = start + (len(mark.words) if isinstance(mark, TextHeading) else 0)
    if text := _between(passage, at, passage.end):
        yield text


def _between(passage: Passage, start: int, end: int) -> str:
    return passage.text[max(0, start - passage.start) : end - passage.start].strip("\n")
