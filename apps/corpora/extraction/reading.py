"""Which module reads which format. Runs in the child; parsers are imported only for a file that needs them."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from apps.corpora.extraction.formats import TABLES, Format, format_of
from apps.corpora.extraction.records import BadRow, ExtractedDocument, ExtractionFailed, Mapping, Source

_READERS = {
    Format.PDF: "pdf",
    Format.DOCX: "word",
    Format.PPTX: "slides",
    Format.XLSX: "workbook",
    Format.HTML: "web",
    Format.MARKDOWN: "markdown",
    Format.TEXT: "plain",
    Format.EMAIL: "mail",
    Format.CSV: "delimited",
    Format.JSON: "json_records",
    Format.JSON_LINES: "json_records",
}


def read(source: Source) -> Iterator[ExtractedDocument | BadRow]:
    """Yield what is in the file; every format's module has a `read` with this signature."""
    yield from _reader(format_of(source.path, name=source.name)).read(source)


def guess_mapping(source: Source) -> Mapping | None:
    """Return what the columns of a table of records mean; None for what is one document."""
    kind = format_of(source.path, name=source.name)
    return _reader(kind).guess_mapping(source) if kind in TABLES else None


def _reader(kind: Format) -> ModuleType:
    if kind is Format.ZIP:
        raise ExtractionFailed("This zip holds other files: unpack it and upload those.")
    return import_module(f"apps.corpora.extraction.{_READERS[kind]}")
