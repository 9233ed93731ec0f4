"""CSV and its relatives: any delimiter and character set, row by row, however broken some rows are."""

import csv
from collections.abc import Iterator
from itertools import islice
from typing import TextIO

from apps.corpora.cleaning import clean_line
from apps.corpora.extraction import rows
from apps.corpora.extraction.charsets import charset_of_file
from apps.corpora.extraction.dates import parse_date
from apps.corpora.extraction.records import BadRow, ExtractedDocument, ExtractionFailed, Mapping, Source

_SAMPLE = 1 << 16
_DELIMITERS = ",;\t|"
_LONGEST_NAME = 60


def read(source: Source) -> Iterator[ExtractedDocument | BadRow]:
    yield from rows.documents(_rows(source), source, again=lambda: _rows(source))


def guess_mapping(source: Source) -> Mapping:
    sample = islice(_rows(source), rows.SAMPLE)
    return rows.guess([each[1] for each in sample if not isinstance(each, BadRow)])


def _rows(source: Source) -> Iterator[rows.Numbered]:
    with source.path.open(encoding=charset_of_file(source.path), errors="western", newline="") as file:
        yield from _named_rows(file, source)


def column_names(first: list[str]) -> tuple[list[str], bool]:
    """Return the columns' names, and whether the first row is data because it names none."""
    cells = [clean_line(cell) for cell in first]
    filled = [cell for cell in cells if cell]
    is_header = (
        len(filled) > len(cells) / 2
        and len(set(filled)) == len(filled)
        and all(len(cell) <= _LONGEST_NAME and not _is_value(cell) for cell in filled)
    )
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        names.append(cell if is_header and cell else f"column {number}")
    return names, not is_header


def _is_value(cell: str) -> bool:
    return not any(character.isalpha() for character in cell) or parse_date(cell) is not None


def _named_rows(file: TextIO, source: Source) -> Iterator[rows.Numbered]:
    """Yield each row by column name; the header is row 1."""
    reader = _Reader(file, source)
    first = reader.next_row()
    while isinstance(first, list) and not any(first):
        first = reader.next_row()
    if not isinstance(first, list):
        raise ExtractionFailed(
            f"The first row of this table cannot be read: {first.reason if first else 'it is empty'}."
        )
    names, is_data = column_names(first)
    reader.width = len(names)
    if is_data:
        yield reader.number, dict(zip(names, first, strict=True))
    while (row := reader.next_row()) is not None:
        if isinstance(row, BadRow):
            yield row
        elif any(cell.strip() for cell in row):
            yield reader.number, dict(zip(names, row, strict=True))


class _Reader:
    """A csv.reader that survives a quotation mark nobody closed: only the row that opened it is lost."""

    def __init__(self, file: TextIO, source: Source) -> None:
        csv.field_size_limit(source.limits.cell_characters)
        self._file = file
        self._returned: list[str] = []
        self._taken: list[str] = []
        sample = file.read(_SAMPLE)
        file.seek(0)
        self._delimiter = _delimiter(sample, source.name)
        self._rows = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
        self.width = 0  # 0 until the header is known
        self.number = 0

    def next_row(self) -> list[str] | BadRow | None:
        self._taken = []
        self.number += 1
        try:
            row = next(self._rows, None)
        except csv.Error as error:
            return self._mend(str(error))
        if row is not None and row and self.width and len(row) != self.width:
            return self._mend(f"it has {len(row)} values, and the table has {self.width} columns")
        return row

    def _mend(self, reason: str) -> list[str] | BadRow:
        """Read the first line of what went wrong by itself, less strictly; give the other lines back."""
        if not self._taken:
            return BadRow(self.number, reason)
        line, *rest = self._taken
        self._returned = rest + self._returned
        try:
            row = next(csv.reader([line], delimiter=self._delimiter), [])
        except csv.Error:
            row = []
        if self.width and len(row) == self.width:
            return row
        if "unexpected end" in reason or rest:
            reason = "a quotation mark is opened and not closed"
        elif "field larger" in reason:
            reason = f"one of its values is longer than {csv.field_size_limit():,} characters"
        return BadRow(self.number, reason)

    def _lines(self) -> Iterator[str]:
        while True:
            line = self._returned.pop(0) if self._returned else self._file.readline()
            if not line:
                return
            line = line.replace("\0", "")
            self._taken.append(line)
            yield line


def _delimiter(sample: str, name: str) -> str:
    """Return the mark that most lines agree on; a comma where none does."""
    if name.lower().endswith((".tsv", ".tab")):
        return "\t"
    lines = [line for line in sample.splitlines()[:50] if line.strip()]
    scores = {mark: _agreement([line.count(mark) for line in lines]) for mark in _DELIMITERS}
    best = max(scores, key=lambda mark: scores[mark])
    return best if scores[best] else ","


def _agreement(counts: list[int]) -> float:
    """Return the share of lines with as many marks as the header has; 0 where that has none."""
    return counts.count(counts[0]) / len(counts) + min(counts[0], 9) / 100 if counts and counts[0] else 0.0
