"""From lines on a page to headings, paragraphs, list items and table rows. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.lists import BULLET, with_plain_bullet
from apps.corpora.extraction.pdf_lines import Line, Page, beside, join, vocabulary, with_rows, without_furniture

_NUMBER = re.compile(r"[\d.,%()/+-]*\d[\d.,%()/+-]*")
_LEADER = re.compile(r"\s*\.{4,}\s*(?=\w{0,6}$)")  # "Shelter ........ 12" in a table of contents
_LEADING = 1.75  # a line further below than this many letter heights begins a block
_HEADING_SIZE = 1.15  # of the body's letters
_LONGEST_HEADING = 160
_MOST_HEADING_LEVELS = 3


@dataclass(frozen=True, slots=True)
class _Style:
    """How this document is written: the sizes of its headings, highest first, over that of its body; its words."""

    body: float
    sizes: tuple[int, ...]
    words: frozenset[str]

    def level(self, lines: Sequence[Line], text: str) -> int | None:
        """Return the level of the heading that these lines are, None where they are none."""
        if len(lines) > 3 or len(text) > _LONGEST_HEADING or not re.search(r"[^\W\d_]{3}", text):
            return None
        if any(map(_is_tabular, lines)) or _LEADER.search(text):
            return None
        if text[-1] in ".,;" and len(text.split()) > 3:
            return None
        if lines[0].size >= _HEADING_SIZE * self.body and round(lines[0].size) in self.sizes:
            return min(self.sizes.index(round(lines[0].size)), _MOST_HEADING_LEVELS - 1) + 1
        is_bold = all(line.bold for line in lines) and len(lines) < 3
        return _MOST_HEADING_LEVELS + 1 if is_bold and not BULLET.match(text) else None


def add_pages(composer: Composer, pages: Sequence[Page]) -> None:
    pages = without_furniture(pages)
    style = _style(pages)
    after_item = False
    for page in pages:
        composer.page()
        for block in _blocks(with_rows(page.lines)):
            after_item = _add_block(composer, block, style, after_item=after_item)


def _style(pages: Sequence[Page]) -> _Style:
    letters: Counter[int] = Counter()
    for page in pages:
        for line in page.lines:
            letters[round(line.size)] += len(line.text)
    body = letters.most_common(1)[0][0] if letters else 1
    larger = {size: count for size, count in letters.items() if size >= _HEADING_SIZE * body}
    # Where large letters are most of the text (a poster), size says nothing.
    sizes = sorted(larger, reverse=True) if 2 * sum(larger.values()) < sum(letters.values()) else []
    return _Style(float(body), tuple(sizes), vocabulary(pages))


def _blocks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield the runs of lines that stand close under each other and look alike."""
    block: list[Line] = []
    for line in lines:
        if block and line.on_row_of(block[-1]) and line.x0 >= block[-1].x1 - 1:
            block[-1] = beside(block[-1], line)
        elif block and not _is_next(block[-1], line):
            yield block
            block = [line]
        else:
            block.append(line)
    if block:
        yield block


def _is_next(above: Line, line: Line) -> bool:
    larger = max(above.size, line.size)
    if not 0 < above.y0 - line.y0 <= _LEADING * larger:
        return False
    if above.is_row or line.is_row:
        return True
    # Bold words that begin a paragraph fill their line; a bold heading over one does not.
    alike = above.bold == line.bold or _continues(above, line, right=max(above.x1, line.x1), indent=0)
    same_size = abs(above.size - line.size) <= 0.12 * larger
    return alike and same_size and line.x0 < above.x1 and above.x0 < line.x1


def _add_block(composer: Composer, block: list[Line], style: _Style, *, after_item: bool) -> bool:
    """Add what a block holds, and return whether it ends with an item of a list."""
    units = list(_units(block, style.words))
    text = " ".join(unit for unit, _ in units)
    level = style.level(block, text.strip())
    if level:
        composer.heading(text, level)
        return False
    if not (after_item and BULLET.match(text)):  # items may stand apart on the page, and are one list all the same
        composer.break_lines()
    for unit, lines in units:
        if lines > 1 and not BULLET.match(unit):
            composer.paragraph(_LEADER.sub(" … ", unit))
        else:
            composer.line(with_plain_bullet(_LEADER.sub(" … ", unit)))
    return bool(BULLET.match(units[-1][0]))


def _units(block: list[Line], words: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Yield the paragraphs, items and rows of a block, each with the number of its lines."""
    right = max(line.x1 for line in block)
    text, lines, indent = block[0].text, 1, 0.0
    for above, line in pairwise(block):
        if _continues(above, line, right=right, indent=indent):
            text, lines = join(text, line.text, words), lines + 1
            indent = line.x0
        else:
            yield text, lines
            text, lines, indent = line.text, 1, 0.0
    yield text, lines


def _continues(above: Line, line: Line, *, right: float, indent: float) -> bool:
    """Say whether `line` goes on where `above` was wrapped; `indent` is where the lines above have begun."""
    if _is_tabular(above) or _is_tabular(line) or _LEADER.search(above.text):
        return False
    bullet = BULLET.match(line.text)
    if bullet and not (bullet["dash"] and bullet["dash"] in "‒–—-"):
        return False
    if indent and line.x0 < indent - line.size:
        return False  # back at the margin, after a list item
    width = (line.x1 - line.x0) / max(1, len(line.text))
    first_word = len(line.text.split(maxsplit=1)[0]) + 1
    # Where its first word had found room, the line above was ended on purpose.
    is_full = above.x1 + width * first_word > right - line.size / 2
    if bullet:  # a dash begins an item, unless it stands in the middle of a sentence
        return is_full and above.text.rstrip()[-1:].isalnum() and not BULLET.match(above.text)
    return is_full or line.text.lstrip()[:1].islower()


def _is_tabular(line: Line) -> bool:
    if line.is_row:
        return True
    tokens = line.text.split()
    numbers = sum(bool(_NUMBER.fullmatch(token)) for token in tokens)
    return numbers >= 3 and 2 * numbers >= len(tokens)
