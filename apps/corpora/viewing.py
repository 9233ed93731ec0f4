"""A document's text as its page shows it: passages in reading order, page marks where a page begins. Pure."""

from __future__ import annotations

from bisect import bisect_right
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
class ShownPassage:
    passage: Passage
    heading: str  #: empty where it is that of the passage before, or stands in the text itself
    is_chosen: bool
    parts: tuple[str | PageMark, ...]  #: its text, cut where a page begins inside it


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the file said about itself."""

    name: str
    value: str
    is_link: bool


# What a tweet's card or the page's head shows already.
_SHOWN_ELSEWHERE = frozenset(
    "published_at_from author_name retweet_of_author reply_to_author retweet_count like_count place".split()
)


def facts(metadata: Mapping[str, Any]) -> list[Fact]:
    """Return what is known of a document beside its text, as names and values to be read."""
    found = []
    for name, value in metadata.items():
        if name in _SHOWN_ELSEWHERE or value in (None, "", [], {}):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        is_link = shown.startswith(("https://", "http://")) and " " not in shown
        found.append(Fact(name.replace("_", " ").capitalize(), shown, is_link))
    return found


def page_of(position: int) -> int:
    """Return on which page, from 1, the passage at `position` is shown."""
    return position // PASSAGES_A_PAGE + 1


def shown(
    passages: Sequence[Passage], *, page_starts: Sequence[int], chosen: int | None = None
) -> Iterator[ShownPassage | PageMark]:
    """Yield the passages with the marks of the pages that begin before or inside them.

    page_starts: character offset at which each page begins. chosen: the passage to be pointed at.
    """
    heading = ""
    seen = bisect_right(page_starts, passages[0].start) if passages else 0
    if seen:
        yield PageMark(seen)
    for passage in passages:
        before = bisect_right(page_starts, passage.start)
        if before > seen:
            yield PageMark(before)
        seen = bisect_right(page_starts, passage.end - 1)
        yield ShownPassage(
            passage=passage,
            heading="" if passage.heading == heading or _says(passage) else passage.heading,
            is_chosen=passage.pk == chosen,
            parts=tuple(_parts(passage, page_starts[before:seen], first=before + 1)),
        )
        heading = passage.heading


def _says(passage: Passage) -> bool:
    """Say whether the passage begins with one of the headings over it."""
    return passage.text.startswith(tuple(filter(None, passage.heading.split(" > "))))


def _parts(passage: Passage, cuts: Sequence[int], *, first: int) -> Iterator[str | PageMark]:
    at = 0
    for number, cut in enumerate(cuts, start=first):
        if text := passage.text[at : cut - passage.start]:
            yield text
        yield PageMark(number)
        at = cut - passage.start
    yield passage.text[at:]
