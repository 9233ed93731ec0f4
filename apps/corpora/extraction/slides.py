"""PPTX: a page a slide, its title a heading, its shapes from top to bottom, then the speaker's notes."""

from collections.abc import Iterable, Iterator
from typing import Any

from apps.corpora.cleaning import clean_line
from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.describing import composed
from apps.corpora.extraction.office import checked, metadata_of
from apps.corpora.extraction.records import ExtractedDocument, ExtractionFailed, Source

# A slide is a section of its deck: on level 2, so that slides of few words may share a passage.
_SLIDE_LEVEL = 2
_DIAGRAM_DATA = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/diagramData"
_PARAGRAPH = "{http://schemas.openxmlformats.org/drawingml/2006/main}p"
_TEXT = "{http://schemas.openxmlformats.org/drawingml/2006/main}t"


def read(source: Source) -> Iterator[ExtractedDocument]:
    import pptx

    with checked(source, "PPTX file"):
        deck = pptx.Presentation(str(source.path))
        composer = Composer(source.limits)
        for slide in deck.slides:
            composer.page()
            _add_slide(composer, slide)
        if not composer.text:
            raise ExtractionFailed("This PPTX file holds no text. If its slides are pictures, run OCR.")
        properties = deck.core_properties
        yield composed(
            composer,
            source,
            title=properties.title or "",
            author=properties.author or "",
            metadata={**metadata_of(properties), "slides": len(deck.slides)},
        )


def _add_slide(composer: Composer, slide: Any) -> None:
    title = slide.shapes.title
    if title is not None and title.has_text_frame:
        composer.heading(title.text_frame.text, _SLIDE_LEVEL)
    for shape in _in_reading_order(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            _add_shape(composer, shape)
    _add_diagrams(composer, slide)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text
        if clean_line(notes):
            composer.break_lines()
            composer.line("Notes:")
            _add_paragraphs(composer, slide.notes_slide.notes_text_frame)


def _in_reading_order(shapes: Iterable[Any]) -> list[Any]:
    """Sort shapes by rows of a quarter inch, then from the left; footers and slide numbers are left out."""
    from pptx.enum.shapes import PP_PLACEHOLDER

    furniture = {PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.DATE}
    kept = [each for each in shapes if not (each.is_placeholder and each.placeholder_format.type in furniture)]
    return sorted(kept, key=lambda shape: ((shape.top or 0) // 228_600, shape.left or 0))


def _add_shape(composer: Composer, shape: Any) -> None:
    if hasattr(shape, "shapes"):
        for inner in _in_reading_order(shape.shapes):
            _add_shape(composer, inner)
    elif getattr(shape, "has_table", False):
        composer.break_lines()
        for row in shape.table.rows:
            composer.row([cell.text for cell in row.cells])
        composer.break_lines()
    elif shape.has_text_frame:
        composer.break_lines()
        _add_paragraphs(composer, shape.text_frame)


def _add_paragraphs(composer: Composer, frame: Any) -> None:
    """Add a frame's paragraphs as lines: on slides they are points of a list far more often than prose."""
    for paragraph in frame.paragraphs:
        composer.line(f"{'  ' * paragraph.level}{paragraph.text}".replace("\v", " "))


def _add_diagrams(composer: Composer, slide: Any) -> None:
    """Add the words of SmartArt, which lie in parts of their own."""
    from lxml import etree

    for relation in slide.part.rels.values():
        if relation.reltype == _DIAGRAM_DATA and not relation.is_external:
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            composer.break_lines()
            for paragraph in etree.fromstring(relation.target_part.blob, parser).iter(_PARAGRAPH):
                composer.line("".join(text.text or "" for text in paragraph.iter(_TEXT)))
