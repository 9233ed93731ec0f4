"""Putting a document's text together, block by block, so that every offset is right from the start."""

from apps.corpora.cleaning import clean, clean_line
from apps.corpora.extraction.records import ExtractionFailed, Heading, Limits

_LOWEST_LEVEL = 6


class Composer:
    """Collects cleaned blocks; `text`, `headings` and `page_starts` then agree with each other."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._pages = 0
        self._last_was_line = False
        self._waiting_pages = 0
        self._page_starts: list[int] = []
        self.headings: list[Heading] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    @property
    def page_starts(self) -> tuple[int, ...]:
        return (*self._page_starts, *[self._length] * self._waiting_pages)

    def page(self) -> None:
        """Begin a page: it starts with the next block."""
        self._pages += 1
        if self._pages > self.limits.pages:
            raise ExtractionFailed(
                f"This file has more than {self.limits.pages:,} pages. Split it and upload the parts."
            )
        self._waiting_pages += 1
        self._last_was_line = False

    def heading(self, text: str, level: int) -> None:
        text = clean_line(text)
        if text:
            start = self._add(text, "\n\n")
            self.headings.append(Heading(start, max(1, min(level, _LOWEST_LEVEL))))

    def paragraph(self, text: str) -> None:
        """Add a block with a blank line before it; line breaks inside it are kept."""
        self._add(clean(text), "\n\n")

    def line(self, text: str) -> None:
        """Add a list item or a table row: a line directly under the one before, if that was one too."""
        if self._add(clean_line(text), "\n" if self._last_was_line else "\n\n") >= 0:
            self._last_was_line = True

    def row(self, cells: list[str]) -> None:
        """Add a row of a table: chunking keeps a line with bars in it whole."""
        cells = [clean_line(cell) for cell in cells]
        if any(cells):
            self.line(" | ".join(cells))

    def break_lines(self) -> None:
        """End a list or a table: the next line starts a block of its own."""
        self._last_was_line = False

    def _add(self, text: str, separator: str) -> int:
        """Return the offset at which `text` begins, or -1 where there was nothing to add."""
        if not text:
            return -1
        if self._length:
            self._parts.append(separator)
            self._length += len(separator)
        start = self._length
        self._page_starts += [start] * self._waiting_pages
        self._waiting_pages = 0
        self._parts.append(text)
        self._length += len(text)
        self._last_was_line = False
        if self._length > self.limits.document_characters:
            raise ExtractionFailed(
                f"This file holds more than {self.limits.document_characters:,} characters of text. "
                "Split it and upload the parts."
            )
        return start
