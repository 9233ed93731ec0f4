"""Cut a document into passages of whole sentences, in reading order, that a retriever reads to their end.

A passage may be as long as the retriever reads: a longer one loses its tail, and a shorter one loses the
sentences that say what "it" was. So whole paragraphs are packed until the next does not fit, a full passage
is closed at the strongest border in its second half, and a new section begins a new passage as soon as the
one before holds a quarter of the limit. Pure: the cost is about one call of `count_tokens` a sentence.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from apps.corpora.cleaning import shorten
from apps.corpora.extraction.records import ExtractedDocument
from apps.corpora.sentences import Span, sentences

CountTokens = Callable[[str], int]

_LONGEST_TWEET = 25_000  # characters; what calls itself a tweet and is longer is cut like any text
_LONGEST_HEADING = 120
_LINE = re.compile(r"[^\n]*\S[^\n]*")
_CLAUSE_END = re.compile(r"[,;:–—)\]]\s+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    text: str
    start: int  #: document.text[start:end] == text
    end: int
    page: int | None  #: of its first character, from 1; None where the format has no pages
    heading: str  #: the headings over it, highest first: "Shelter > Registration"
    tokens: int  #: with the model's special tokens


class _Border(IntEnum):
    """How good it is to begin a passage here."""

    AFTER_HEADING = 0
    SENTENCE = 1
    LINE = 2
    PARAGRAPH = 3
    HEADING = 4
    TOP_HEADING = 5


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is not cut again: a sentence, a table row, a heading, or a piece of an over-long one."""

    start: int
    end: int
    border: _Border
    path: tuple[str, ...]
    is_heading: bool
    tokens: int  # without the special ones, as is every count below `chunk`


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    border: _Border
    path: tuple[str, ...]
    is_heading: bool


@dataclass(frozen=True, slots=True)
class _Task:
    """The document, the content tokens a passage may have, and what counts them."""

    document: ExtractedDocument
    room: int
    count_tokens: CountTokens

    def tokens(self, span: Span) -> int:
        return self.count_tokens(self.document.text[span.start : span.end])


def chunk(document: ExtractedDocument, *, max_tokens: int, count_tokens: CountTokens) -> list[Chunk]:
    """Cut `document` so that no chunk counts more than `max_tokens`, special tokens included.

    The chunks are in reading order, do not overlap, and hold all of the text but white space. A tweet
    is one chunk, whatever it counts.
    """
    special = count_tokens("")
    room = max_tokens - special
    if room < 1:
        raise ValueError(f"max_tokens={max_tokens} leaves no room beside the special tokens")
    if document.kind == "tweet" and len(document.text) <= _LONGEST_TWEET:
        return _whole(document, count_tokens)
    packed = _packed(_Task(document, room, lambda text: count_tokens(text) - special))
    return [replace(each, tokens=each.tokens + special) for each in packed]


def _whole(document: ExtractedDocument, count_tokens: CountTokens) -> list[Chunk]:
    text = document.text.strip()
    if not text:
        return []
    start = document.text.index(text)
    return [_chunk(document, Span(start, start + len(text)), tokens=count_tokens(text))]


def _packed(task: _Task) -> Iterator[Chunk]:
    current: list[_Unit] = []
    filled = 0

    def close(cut: int) -> Chunk:
        """Make a chunk of the first `cut` units, or of fewer where together they count more than apart."""
        nonlocal current, filled
        while True:
            span = Span(current[0].start, current[cut - 1].end)
            tokens = task.tokens(span)
            if tokens <= task.room or cut == 1:
                break
            cut -= 1
        heading = _common_heading(current[:cut])
        current = current[cut:]
        filled = sum(unit.tokens for unit in current)
        return _chunk(task.document, span, heading=heading, tokens=tokens)

    for unit in _units(task):
        while current and _begins_passage(unit, filled, task.room):
            yield close(len(current))
        current.append(unit)
        filled += unit.tokens
        while filled > task.room and len(current) > 1:
            yield close(_best_cut(current, task.room))
    while current:
        yield close(len(current))


def _begins_passage(unit: _Unit, filled: int, room: int) -> bool:
    """Say whether a section that starts here leaves behind enough to stand alone."""
    if unit.border is _Border.TOP_HEADING:
        return filled * 16 >= room
    return unit.border is _Border.HEADING and filled * 4 >= room


def _best_cut(units: list[_Unit], room: int) -> int:
    """Return how many of `units`, which do not all fit, make the next passage."""
    filled = 0
    late: list[int] = []
    early = [1]
    for cut in range(1, len(units)):
        filled += units[cut - 1].tokens
        if filled <= room:
            (late if filled * 2 >= room else early).append(cut)
    return max(late or early, key=lambda cut: (units[cut].border, cut))


def _units(task: _Task) -> Iterator[_Unit]:
    heading_tokens = 0  # of the headings just before: they go with what follows, which must leave them room
    for line in _lines(task.document):
        border = line.border
        narrow = task
        if 0 < heading_tokens * 2 < task.room:
            narrow = replace(task, room=task.room - heading_tokens)
        for span in _spans(line, narrow):
            tokens = task.tokens(span)
            if tokens <= narrow.room:
                yield _Unit(span.start, span.end, border, line.path, line.is_heading, tokens)
            else:
                for piece, piece_tokens in _pieces(span, narrow):
                    yield _Unit(piece.start, piece.end, border, line.path, line.is_heading, piece_tokens)
                    border = _Border.SENTENCE
            heading_tokens = heading_tokens + tokens if line.is_heading else 0
            border = _Border.SENTENCE


def _lines(document: ExtractedDocument) -> Iterator[_Line]:
    """Yield the lines that are not blank, each with the headings over it."""
    levels = {heading.start: heading.level for heading in document.headings}
    path: dict[int, str] = {}
    after_heading, end = False, 0
    for match in _LINE.finditer(document.text):
        level = levels.get(match.start())
        if level is not None:
            path = {above: title for above, title in path.items() if above < level}
            path[level] = shorten(match.group().strip(), _LONGEST_HEADING)
        if after_heading:
            border = _Border.AFTER_HEADING
        elif level is not None:
            border = _Border.TOP_HEADING if level == 1 else _Border.HEADING
        else:
            border = _Border.PARAGRAPH if match.start() > end + 1 else _Border.LINE
        yield _Line(match.start(), match.end(), border, tuple(path.values()), level is not None)
        after_heading, end = level is not None, match.end()


def _spans(line: _Line, task: _Task) -> list[Span]:
    """Return the sentences of a line; a heading, or a row of a table that fits, is one whole."""
    content = task.document.text[line.start : line.end]
    start = line.start + len(content) - len(content.lstrip())
    whole = [Span(start, start + len(content.strip()))]
    if line.is_heading or (" | " in content and task.count_tokens(content) <= task.room):
        return whole
    return [Span(line.start + start, line.start + end) for start, end in sentences(content)]


def _pieces(span: Span, task: _Task) -> Iterator[tuple[Span, int]]:
    """Cut an over-long sentence at clauses, else at words, else anywhere; yield each piece and its tokens."""
    text, start, width = task.document.text, span.start, task.room * 4
    while start < span.end:
        end, tokens = _fitting_end(Span(start, span.end), width, task)
        piece = text[start:end].rstrip()
        yield Span(start, start + len(piece)), tokens
        width = max(1, (end - start) * task.room // max(tokens, 1))  # this text's own characters a token
        start = end
        while start < span.end and text[start].isspace():
            start += 1


def _fitting_end(span: Span, width: int, task: _Task) -> tuple[int, int]:
    """Return where a piece that starts with `span` ends, about `width` characters on, and its tokens."""
    text = task.document.text
    while True:
        end = _border_before(text, span.start, min(span.end, span.start + width))
        tokens = task.count_tokens(text[span.start : end].rstrip())
        if tokens <= task.room or end == span.start + 1:
            return end, tokens
        width = max(1, min((end - span.start) * task.room * 9 // (tokens * 10), end - span.start - 1))


def _border_before(text: str, start: int, end: int) -> int:
    """Return the last end of a clause, else of a word, in the second half of text[start:end], else `end`."""
    if end == len(text) or text[end].isspace():
        return end
    middle = (start + end + 1) // 2
    for border in (_CLAUSE_END, _SPACE):
        ends = [match.end() for match in border.finditer(text, middle, end)]
        if ends:
            return ends[-1]
    return end


def _common_heading(units: list[_Unit]) -> str:
    """Return the headings that stand over all of the units, or over the first that has any."""
    paths = [unit.path for unit in units if unit.path and not unit.is_heading]
    paths = paths or [unit.path for unit in units if unit.path][-1:]
    if not paths:
        return ""
    common = [names[0] for names in zip(*paths, strict=False) if len(set(names)) == 1]
    return " > ".join(common or paths[0])


def _chunk(document: ExtractedDocument, span: Span, *, tokens: int, heading: str = "") -> Chunk:
    page = bisect_right(document.page_starts, span.start) if document.page_starts else None
    return Chunk(
        text=document.text[span.start : span.end],
        start=span.start,
        end=span.end,
        page=page,
        heading=heading,
        tokens=tokens,
    )
