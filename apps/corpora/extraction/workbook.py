"""XLSX: a sheet of records with sentences in them gives a document a row; any other workbook is one document."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from apps.corpora.extraction import rows
from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.delimited import column_names
from apps.corpora.extraction.describing import composed
from apps.corpora.extraction.office import checked, metadata_of
from apps.corpora.extraction.records import BadRow, ExtractedDocument, ExtractionFailed, Mapping, Source

_FEWEST_ROWS = 3
_MOST_COLUMNS = 500
_EMPTY_IN_A_ROW = 1_000  # a sheet formatted to its last row has a million empty ones
_SHEET_LEVEL = 1


def read(source: Source) -> Iterator[ExtractedDocument | BadRow]:
    with checked(source, "XLSX file"), _opened(source) as book:
        if source.mapping or _mapping(book):
            sheet = book.worksheets[0]
            yield from rows.documents(_named_rows(sheet, source), source, again=lambda: _named_rows(sheet, source))
        else:
            yield _whole(book, source)


def guess_mapping(source: Source) -> Mapping | None:
    with checked(source, "XLSX file"), _opened(source) as book:
        return _mapping(book)


@contextmanager
def _opened(source: Source) -> Iterator[Any]:
    import openpyxl

    with source.path.open("rb") as file:  # by its name it would be refused: ours end in no .xlsx
        yield openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)


def _mapping(book: Any) -> Mapping | None:
    """Return what the first sheet's columns mean if it is a table of records with sentences in them."""
    if not book.worksheets:
        return None
    found = list(islice(_named_rows(book.worksheets[0]), rows.SAMPLE))
    sample = [each[1] for each in found if not isinstance(each, BadRow)]
    if len(sample) < _FEWEST_ROWS or any(name.startswith("column ") for name in sample[0]):
        return None
    guess = rows.guess(sample)
    return guess if guess.text else None


def _named_rows(sheet: Any, source: Source | None = None) -> Iterator[rows.Numbered]:
    """Yield the rows under the first one that is filled, by column name; the numbers are the sheet's own."""
    names: list[str] = []
    for number, cells in _filled_rows(sheet):
        if not names:
            while cells and not cells[-1]:
                cells.pop()
            names, is_data = column_names(cells)
            if is_data:
                yield number, dict(zip(names, cells, strict=True))
        elif any(cells[len(names) :]):
            yield BadRow(number, f"it has values to the right of the table's {len(names)} columns")
        elif source and max(map(len, cells)) > source.limits.cell_characters:
            yield BadRow(number, f"one of its values is longer than {source.limits.cell_characters:,} characters")
        else:
            yield number, dict(zip(names, cells, strict=False))


def _filled_rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # what a sheet says of its own size is often wrong
    empty = 0
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [_text(value) for value in values[:_MOST_COLUMNS]]
        if any(cells):
            empty = 0
            yield number, cells
        else:
            empty += 1
            if empty > _EMPTY_IN_A_ROW:
                return


def _add_rows(composer: Composer, sheet: Any) -> None:
    """Add the rows with each value under its column's name: a passage from the middle then speaks for itself."""
    names: list[str] = []
    for _number, cells in _filled_rows(sheet):
        if not names and sum(map(bool, cells)) > 1:
            names, is_data = column_names(cells)
            if not is_data:
                continue
            names = [""] * len(cells)
        labels = names + [""] * (len(cells) - len(names))
        composer.row([f"{name}: {cell}" if name else cell for name, cell in zip(labels, cells, strict=False) if cell])


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") if value.time() != datetime.min.time() else value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _whole(book: Any, source: Source) -> ExtractedDocument:
    composer = Composer(source.limits)
    for sheet in book.worksheets:
        composer.page()
        composer.heading(sheet.title, _SHEET_LEVEL)
        _add_rows(composer, sheet)
    if len(composer.text) <= sum(len(sheet.title) + 2 for sheet in book.worksheets):
        raise ExtractionFailed("This workbook holds no values.")
    properties = book.properties
    return composed(
        composer,
        source,
        title=properties.title or "",
        author=properties.creator or "",
        metadata={**metadata_of(properties), "sheets": [sheet.title for sheet in book.worksheets]},
    )
