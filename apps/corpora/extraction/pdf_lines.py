"""Lines of text with their places on a page, and what is done to them before they become paragraphs. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

Box = tuple[float, float, float, float]  # left, bottom, right, top; y grows upwards, in points

_MARGIN, _NARROWEST_MARGIN = 0.12, 86.0  # of the page's height, and in points: where headers and footers are
_NUMBERS = re.compile(r"\d+|\b[ivxlc]+\b")
_PAGE_NUMBER = re.compile(r"(?:page|p|pg|seite)?\W*#(?:\W*(?:of|de|sur|/|\|)\W*#)?|\W*#\W*|[a-z]{1,3}-#")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_BROKEN_WORD = re.compile(r"([^\W\d_]+)[-\u00ad\ufffe\u2010]\Z")
_CELL = re.compile(r"[\d\s.,:;%/()<>+*±≥≤$€£=~–—-]*\d[\d\s.,:;%/()<>+*±≥≤$€£=~–—-]*|[–—-]|n/?a", re.IGNORECASE)

_LONGEST_WORD = 60
_FEWEST_CELLS = 8
_LONGEST_CELL = 45  # characters, of a label between numbers
_LABELS_BETWEEN = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line as PDFium reads it."""

    text: str
    x0: float
    y0: float
    x1: float
    size: float  #: height of its letters with their line's room
    bold: bool = False
    is_row: bool = False  #: cells of a table, side by side

    def on_row_of(self, other: "Line") -> bool:
        return abs(self.y0 - other.y0) < 0.35 * max(self.size, other.size)


@dataclass(frozen=True, slots=True)
class Page:
    height: float
    lines: tuple[Line, ...]


def without_furniture(pages: Sequence[Page]) -> list[Page]:
    """Drop page numbers, and headers and footers on every page but the first that has them."""
    seen = Counter(key for page in pages for key in {_key(line) for line in page.lines if _in_margin(line, page)})
    often = 2 if len(pages) <= 6 else 3
    shown: set[str] = set()
    kept = []
    for page in pages:
        number, lines = _page_number(page), []
        for line in page.lines:
            key = _key(line)
            if _in_margin(line, page):
                if line is number or (seen[key] >= often and key in shown):
                    continue
                shown.add(key)
            lines.append(line)
        kept.append(replace(page, lines=tuple(lines)))
    return kept


def _page_number(page: Page) -> Line | None:
    """Return the one line in the margins that is a bare number; where there are several, they are a table's."""
    found = [line for line in page.lines if _in_margin(line, page) and _PAGE_NUMBER.fullmatch(_key(line))]
    return found[0] if len(found) == 1 else None


def _in_margin(line: Line, page: Page) -> bool:
    margin = max(_MARGIN * page.height, _NARROWEST_MARGIN)
    return not margin < line.y0 + line.size / 2 < page.height - margin


def _key(line: Line) -> str:
    """Return what stays the same from page to page."""
    return " ".join(_NUMBERS.sub("#", line.text.lower()).replace("_", " ").split())


def with_rows(lines: Sequence[Line]) -> list[Line]:
    """Put the cells of a table side by side, row by row, where the file gives them one by one."""
    result: list[Line] = []
    position = 0
    while position < len(lines):
        end = _end_of_cells(lines, position)
        if end == position:
            result.append(lines[position])
            position += 1
            continue
        cells = list(lines[position:end])
        while result and len(result[-1].text) <= _LONGEST_CELL and any(result[-1].on_row_of(cell) for cell in cells):
            cells.insert(0, result.pop())  # the labels of the first rows
        result += _rows(cells)
        position = end
    return result


def _end_of_cells(lines: Sequence[Line], start: int) -> int:
    """Return where a run of numbers, with short labels in between, that begins at `start` ends."""
    numbers, end, position = 0, start, start
    while position < len(lines) and position - end <= _LABELS_BETWEEN:
        line = lines[position]
        if len(line.text) <= _LONGEST_CELL and _CELL.fullmatch(line.text.strip()):
            numbers, end = numbers + 1, position + 1
        elif position == start or len(line.text) > _LONGEST_CELL:
            break
        position += 1
    return end if numbers >= _FEWEST_CELLS else start


def _rows(cells: Iterable[Line]) -> list[Line]:
    rows: list[list[Line]] = []
    for cell in sorted(cells, key=lambda cell: -cell.y0):
        if rows and cell.on_row_of(rows[-1][0]):
            rows[-1].append(cell)
        else:
            rows.append([cell])
    return [_side_by_side(sorted(row, key=lambda cell: cell.x0)) for row in rows]


def _side_by_side(cells: Sequence[Line]) -> Line:
    text = " | ".join(cell.text.strip() for cell in cells)
    return replace(cells[0], text=text, x1=max(cell.x1 for cell in cells), is_row=True)


def beside(left: Line, right: Line) -> Line:
    """Return one line out of two on a row: cells where there is room between them, else parts of a sentence."""
    if right.x0 - left.x1 > max(left.size, right.size):
        return _side_by_side([left, right])
    space = "" if right.x0 - left.x1 < 0.1 * left.size else " "
    return replace(left, text=f"{left.text}{space}{right.text}", x1=right.x1)


def vocabulary(pages: Iterable[Page]) -> frozenset[str]:
    """Return the words of a document that no line end cuts: they decide about those that one does."""
    return frozenset(
        word
        for page in pages
        for line in page.lines
        for word in _WORD.findall(line.text.lower().rstrip("-\u00ad\ufffe\u2010"))
    )


def join(above: str, line: str, words: frozenset[str]) -> str:
    """Join two lines of a paragraph; a word cut by a hyphen becomes whole unless the hyphen is its own."""
    above, line = above.rstrip(), line.lstrip()
    broken, rest = _BROKEN_WORD.search(above, max(0, len(above) - _LONGEST_WORD)), re.match(r"[^\W\d_]+", line)
    if not broken or not rest:
        return f"{above} {line}"
    whole, hyphenated = broken[1] + rest[0], f"{broken[1]}-{rest[0]}"
    parts_are_words = broken[1].lower() in words and rest[0].lower() in words
    if whole.lower() in words:
        keeps_hyphen = False
    else:
        keeps_hyphen = hyphenated.lower() in words or parts_are_words or not rest[0].islower()
    return above[:-1] + ("-" if keeps_hyphen else "") + line
