"""PDF, read by PDFium: its words with their places, made into pages of paragraphs."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.describing import composed, sensible_title
from apps.corpora.extraction.pdf_blocks import add_pages
from apps.corpora.extraction.pdf_fields import filled_fields, with_values
from apps.corpora.extraction.pdf_lines import Box, Line, Page
from apps.corpora.extraction.records import ExtractedDocument, ExtractionFailed, Source

_DATE = re.compile(r"D:(\d{4})(\d\d)(\d\d)")
_BOLD = re.compile(r"bold|black|heavy|demi", re.IGNORECASE)
_LONGEST_CELL = 24  # characters
_FONT_NAME = 128  # bytes


def read(source: Source) -> Iterator[ExtractedDocument]:
    pdf = open_pdf(source.path)
    if len(pdf) > source.limits.pages:
        raise ExtractionFailed(
            f"This PDF has {len(pdf):,} pages, and {source.limits.pages:,} is the limit. Split it and upload the parts."
        )
    if pdf.get_formtype():
        pdf.init_forms()
    pages = [_page(pdf, number) for number in range(len(pdf))]
    composer = Composer(source.limits)
    add_pages(composer, [page or Page(1.0, ()) for page in pages])
    unreadable = [number for number, page in enumerate(pages, start=1) if page is None]
    without_text = [number for number, page in enumerate(pages, start=1) if page and not page.lines]
    if not composer.text:
        raise ExtractionFailed(
            "This PDF is damaged: none of its pages can be read. Save it anew and upload that."
            if unreadable
            else "This PDF holds only images; run OCR on it and upload the searchable PDF."
        )
    said = pdf.get_metadata_dict()
    created = _DATE.match(said.get("CreationDate", ""))
    metadata = {
        "pages": len(pdf),
        "created_at": "-".join(created.groups()) if created else "",
        "subject": said.get("Subject", ""),
        "keywords": said.get("Keywords", ""),
        "pages_without_text": without_text,
        "unreadable_pages": unreadable,
    }
    yield composed(
        composer,
        source,
        title=sensible_title(said.get("Title")),
        author=said.get("Author", ""),
        metadata={name: value for name, value in metadata.items() if value},
    )


def open_pdf(path: Path) -> Any:
    """Return PDFium's document; raise ExtractionFailed for one that it cannot open."""
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise ExtractionFailed(
                "This PDF opens only with a password. Save it without one and upload that."
            ) from error
        if "security" in str(error).lower():
            raise ExtractionFailed(
                "This PDF is encrypted in a way we cannot read. Save it without protection and upload that."
            ) from error
        raise ExtractionFailed(
            "This PDF is damaged, or cut short: it cannot be opened. Save it anew and upload that."
        ) from error


def _page(pdf: Any, number: int) -> Page | None:
    """Return the lines of a page; None where it cannot be read."""
    import pypdfium2

    try:
        page = pdf[number]
    except pypdfium2.PdfiumError:
        return None
    with closing(page), closing(page.get_textpage()) as words:
        place = _Upright(page)
        lines = list(_lines(words, place))
        if pdf.formenv:
            values = [(value, place.box(box)) for value, box in filled_fields(pdf.formenv, page)]
            lines = with_values(lines, values)
        return Page(place.height, tuple(lines))


class _Upright:
    """Turns the places of a page that is shown rotated to how its reader sees them."""

    def __init__(self, page: Any) -> None:
        self._rotation = page.get_rotation() % 360
        width, height = page.get_size()  # as shown
        self.width, self.height = width, height

    def box(self, box: Box) -> Box:
        left, bottom, right, top = box
        if self._rotation == 90:
            return bottom, self.height - right, top, self.height - left
        if self._rotation == 180:
            return self.width - right, self.height - top, self.width - left, self.height - bottom
        if self._rotation == 270:
            return self.width - top, left, self.width - bottom, right
        return box


def _lines(words: Any, place: _Upright) -> Iterator[Line]:
    """Yield the lines in the order of the file, which is the order of reading in all but odd ones."""
    last = words.count_chars() - 1
    position = 0
    for raw in words.get_text_range().split("\r\n"):
        text = raw.strip()
        if text:
            start = min(position + len(raw) - len(raw.lstrip()), last)
            end = min(start + len(text) - 1, last)
            for part in _parts(words, place, range(start, max(start, end) + 1), text=text):
                yield _line(words, place, part, text=text[part.start - start : part.stop - start].strip())
        position += len(raw) + 2


def _parts(words: Any, place: _Upright, characters: range, *, text: str) -> Iterator[range]:
    """Yield the parts of a line that really stand on one line: PDFium runs cells of a single figure together."""
    if len(text) > _LONGEST_CELL or not any(map(str.isdigit, text)):
        yield characters
        return
    start = characters.start
    _, bottom, _, top = place.box(words.get_charbox(start, loose=True))
    for each, character in zip(characters, text, strict=False):
        if character.isspace():
            continue
        _, low, _, high = place.box(words.get_charbox(each, loose=True))
        if abs(low - bottom) > 0.7 * (top - bottom):
            yield range(start, each)
            start, bottom, top = each, low, high
    yield range(start, characters.stop)


def _line(words: Any, place: _Upright, characters: range, *, text: str) -> Line:
    first, middle, last = characters[0], characters[len(characters) // 2], characters[-1]
    boxes = [place.box(words.get_charbox(each, loose=True)) for each in (first, middle, last)]
    sizes = sorted(top - bottom for _, bottom, _, top in boxes)
    return Line(
        text=text,
        x0=boxes[0][0],
        y0=sorted(bottom for _, bottom, _, _ in boxes)[1],
        x1=max(right for _, _, right, _ in boxes),
        size=max(sizes[1], 1.0),
        bold=all(_is_bold(words, each) for each in (first, middle, last)),
    )


def _is_bold(words: Any, character: int) -> bool:
    import ctypes

    from pypdfium2 import raw

    name = ctypes.create_string_buffer(_FONT_NAME)
    flags = ctypes.c_int()
    raw.FPDFText_GetFontInfo(words, character, name, _FONT_NAME, ctypes.byref(flags))
    return bool(_BOLD.search(name.value.decode("latin-1")))
