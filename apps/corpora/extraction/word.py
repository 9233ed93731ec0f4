"""DOCX: paragraphs by their styles, lists, tables, text boxes, in reading order."""

import re
from collections.abc import Iterator
from typing import Any

from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.describing import composed
from apps.corpora.extraction.office import checked, metadata_of
from apps.corpora.extraction.records import ExtractedDocument, ExtractionFailed, Source

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_HEADING = re.compile(r"(?:heading|titre|überschrift|título|encabezado)\s*(\d)", re.IGNORECASE)
_LONGEST_HEADING = 200
_BREAKS = {f"{_W}tab": " ", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}


def read(source: Source) -> Iterator[ExtractedDocument]:
    import docx

    with checked(source, "DOCX file"):
        document = docx.Document(str(source.path))
        walk = _Walk(Composer(source.limits), _heading_levels(document))
        walk.blocks(document.element.body)
        properties = document.core_properties
        if not walk.composer.text:
            raise ExtractionFailed("This DOCX file holds no text. If its pages are pictures, run OCR.")
        yield composed(
            walk.composer,
            source,
            title=properties.title or walk.title,
            author=properties.author or "",
            language=properties.language or "",
            metadata=metadata_of(properties),
        )


def _heading_levels(document: Any) -> dict[str, int]:
    """Return the heading level of each style that has one: its own, its name's, or that of the style it is based on."""
    levels: dict[str, int] = {}
    for style in document.styles.element.iterfind(f"{_W}style"):
        name = style.find(f"{_W}name")
        outline = style.find(f"{_W}pPr/{_W}outlineLvl")
        based_on = style.find(f"{_W}basedOn")
        said = name.get(f"{_W}val", "") if name is not None else ""
        named = _HEADING.match(said)
        style_id = style.get(f"{_W}styleId", "")
        if said.lower() == "title":
            levels[style_id] = 1
        elif outline is not None and outline.get(f"{_W}val", "9").isdigit() and int(outline.get(f"{_W}val", "9")) < 9:
            levels[style_id] = int(outline.get(f"{_W}val", "9")) + 1
        elif named:
            levels[style_id] = int(named[1])
        elif based_on is not None and based_on.get(f"{_W}val") in levels:
            levels[style_id] = levels[based_on.get(f"{_W}val")]
    return levels


class _Walk:
    """One pass over a body, in the order in which it is read."""

    def __init__(self, composer: Composer, heading_levels: dict[str, int]) -> None:
        self.composer = composer
        self.title = ""
        self._heading_levels = heading_levels

    def blocks(self, parent: Any) -> None:
        for element in parent:
            if element.tag == f"{_W}p":
                self._paragraph(element)
            elif element.tag == f"{_W}tbl":
                self._table(element)
            elif element.tag in {f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}ins"}:
                self.blocks(element)

    def _paragraph(self, paragraph: Any) -> None:
        text = _text(paragraph).strip()
        level = self._level(paragraph)
        if level and len(text) <= _LONGEST_HEADING:
            self.title = self.title or text
            self.composer.heading(text, level)
        elif paragraph.find(f"{_W}pPr/{_W}numPr") is not None:
            self.composer.line(f"- {text}" if text else "")
        else:
            self.composer.paragraph(text)
        for box in paragraph.iter(f"{_W}txbxContent"):
            if not any(True for _ in box.iterancestors(_FALLBACK)):  # it holds the same box again
                self.blocks(box)

    def _level(self, paragraph: Any) -> int | None:
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        outline = paragraph.find(f"{_W}pPr/{_W}outlineLvl")
        if outline is not None and outline.get(f"{_W}val") in set("012345678"):
            return int(outline.get(f"{_W}val")) + 1
        return self._heading_levels.get(style.get(f"{_W}val", "")) if style is not None else None

    def _table(self, table: Any) -> None:
        rows = [row for row in table.iter(f"{_W}tr") if next(row.iterancestors(f"{_W}tbl")) is table]
        cells = [[cell for cell in row.iter(f"{_W}tc") if next(cell.iterancestors(f"{_W}tr")) is row] for row in rows]
        if max(map(len, cells), default=0) == 1:  # a frame around text, not a table
            for row in cells:
                for cell in row:
                    self.blocks(cell)
            return
        self.composer.break_lines()
        for row in cells:
            self.composer.row([" ".join(_text(part) for part in cell.iter(f"{_W}p")) for cell in row])
        self.composer.break_lines()


def _text(paragraph: Any) -> str:
    """Return the paragraph's own text: inserted words in, deleted ones and those of text boxes out."""
    parts = []
    for element in paragraph.iter(f"{_W}t", *_BREAKS):
        if next(element.iterancestors(f"{_W}p")) is paragraph and element.getparent().tag != f"{_W}tabs":
            parts.append(element.text or "" if element.tag == f"{_W}t" else _BREAKS[element.tag])
    return "".join(parts)
