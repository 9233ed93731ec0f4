"""The head of a table, for a person to see which column holds what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from apps.corpora import extraction
from apps.corpora.cleaning import shorten
from apps.corpora.extraction import ExtractedDocument
from apps.ingestion.models import JobItem

# Rows that are looked at for columns; a column empty in all of them is no help to anybody.
_SAMPLE = 50
_CELL = 160


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    columns: list[str]
    rows: list[list[str]]


def preview(item: JobItem, *, rows: int) -> Preview:
    """Return the columns of the item's table and its first rows; raise ExtractionFailed where it has none."""
    found = list(islice(_facts(item), _SAMPLE))
    columns = list(dict.fromkeys(name for row in found for name in row))
    cells = [[shorten(row.get(column, ""), _CELL) for column in columns] for row in found[:rows]]
    return Preview(columns=columns, rows=cells)


def _facts(item: JobItem) -> Iterator[dict[str, str]]:
    """Yield each row by column: a mapping that gives no column a meaning leaves all of them as they are."""
    path = Path(item.source.file.path)
    for record in extraction.extract(path, name=item.name, kind=item.kind, mapping={}):
        if isinstance(record, ExtractedDocument):
            yield {name: str(value) for name, value in record.metadata.items() if name != "row"}
