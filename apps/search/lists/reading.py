"""A list of queries as it comes: pasted lines, or a small file. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.retrievers.intents import Intent
from apps.search.forms import MAX_QUERY
from apps.search.intent import LABELS

MAX_QUERIES = 1_000
MAX_FILE_BYTES = 2_000_000

_QUERY_COLUMNS = ("query", "queries", "question", "text", "q")
_INTENT_COLUMN = "intent"
_LINE_END = re.compile(r"\r\n?")
_NAMED = re.compile(rf"({'|'.join(Intent)})\s*:\s*(.+)", re.IGNORECASE | re.DOTALL)
_INTENTS = {str(intent).lower(): intent for intent in Intent} | {
    label.lower(): intent for intent, label in LABELS.items()
}


class BadList(Exception):
    """The list cannot be taken; the message says which line is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    intent: Intent | None


def read_lines(text: str) -> list[Line]:
    """Read one query a line; "FactCheck: The dam has failed." says how to read it. Raise BadList."""
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not (query := " ".join(line.split())):
            continue
        named = _NAMED.fullmatch(query)
        intent, words = (_INTENTS[named[1].lower()], named[2]) if named else (None, query)
        lines.append(_line(words, intent, number=number))
    return _checked(lines)


def read_table(text: str) -> list[Line]:
    """Read CSV: the columns "query" and "intent" where a first row names them, else the first two. Raise BadList."""
    try:
        text = _LINE_END.sub("\n", text)
        rows = list(csv.reader(io.StringIO(text), dialect=_dialect(text)))
    except csv.Error as failure:
        raise BadList(f"This table cannot be read: {failure}. Save it as CSV anew, or paste the queries.") from failure
    header = [name.strip().lower() for name in rows[0]] if rows else []
    query = next((header.index(name) for name in _QUERY_COLUMNS if name in header), None)
    if query is None:
        return _checked(list(_from_rows(rows, query=0, intent=1, first=1)))
    intent = header.index(_INTENT_COLUMN) if _INTENT_COLUMN in header else None
    return _checked(list(_from_rows(rows[1:], query=query, intent=intent, first=2)))


def _dialect(text: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(text[:10_000], delimiters=",;\t")
    except csv.Error:  # one column has no delimiter to be found
        return csv.excel


def _from_rows(rows: Sequence[Sequence[str]], *, query: int, intent: int | None, first: int) -> Iterator[Line]:
    for number, row in enumerate(rows, start=first):
        words = " ".join(row[query].split()) if query < len(row) else ""
        said = row[intent].strip() if intent is not None and intent < len(row) else ""
        if not words:
            continue
        if said and said.lower() not in _INTENTS:
            raise BadList(
                f"Line {number} names the intent “{said[:60]}”, which is none of {', '.join(Intent)}. "
                "Leave it empty to have the query read as it is written."
            )
        yield _line(words, _INTENTS.get(said.lower()), number=number)


def _line(words: str, intent: Intent | None, *, number: int) -> Line:
    if len(words) > MAX_QUERY:
        raise BadList(f"Line {number} has {len(words):,} characters; a query has {MAX_QUERY:,} at most.")
    return Line(words, intent)


def _checked(lines: list[Line]) -> list[Line]:
    if not lines:
        raise BadList("There is no query in it: put one on each line.")
    if len(lines) > MAX_QUERIES:
        raise BadList(
            f"That are {len(lines):,} queries, and {MAX_QUERIES:,} is the limit. Split them into several lists."
        )
    return lines


def read_file(content: bytes, *, name: str) -> list[Line]:
    """Read an uploaded list: a table where its name ends in .csv or .tsv, else one query a line. Raise BadList."""
    if b"\x00" in content:
        raise BadList("This is not a text file. Save the list as CSV or plain text (TXT) and upload that.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # saved by an older spreadsheet
        text = content.decode("cp1252", "replace")
    return read_table(text) if name.lower().endswith((".csv", ".tsv")) else read_lines(text)
