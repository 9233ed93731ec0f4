"""What was found, to be taken away: CSV for a spreadsheet, JSON for programs, Markdown for a report.

Every format holds the same hits in the same order; whoever writes one adds a function here and its line in `FORMATS`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from defusedcsv import csv

from apps.corpora.citing import citation
from apps.corpora.models import Document
from apps.search.outcome import Hit, Outcome

AT_MOST = 1_000

# defusedcsv knows the ASCII signs that begin a formula; some spreadsheets take the wide ones too.
_WIDE_FORMULA = re.compile(r"^[＝＋－＠]")
_MARKUP = re.compile(r"([\\`*_\[\]<>&#|~])")
_LIST_OR_LINE = re.compile(r"^(\d{0,9})([-+=.)])")  # at its beginning a line of items, or one that underlines a heading
_CSV_MARK = "\ufeff"  # without it Excel takes UTF-8 for a Western character set


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A search and what it found, as it is handed out."""

    query: str
    read_as: str
    filters: tuple[str, ...]
    url: str  #: of the search
    at: datetime
    mode: str
    rows: tuple[Mapping[str, Any], ...]


COLUMNS = (
    "rank title kind corpus author publisher published_at page section passage best_sentence "
    "hazards places event language copies more_passages citation url score found_by document_id passage_id external_id"
).split()


def taken(outcome: Outcome, *, filters: Sequence[str], url: str, absolute: Callable[[str], str], at: datetime) -> Taken:
    """Gather `outcome` for handing out. absolute: makes a whole address of a path."""
    described = Document.objects.in_bulk([hit.document_id for hit in outcome.hits])
    rows = (row_of(hit, described.get(hit.document_id), url=absolute(hit.url)) for hit in outcome.hits)
    return Taken(
        query=outcome.query,
        read_as=outcome.label,
        filters=tuple(filters),
        url=url,
        at=at,
        mode=outcome.mode,
        rows=tuple(rows),
    )


def row_of(hit: Hit, document: Document | None, *, url: str) -> dict[str, Any]:
    """Return a hit by the names of `COLUMNS`; `document` is None where it was deleted a moment ago."""
    publisher = document.publisher if document else ""
    return {
        "rank": hit.rank,
        "title": hit.title,
        "kind": hit.kind,
        "corpus": hit.corpus_name,
        "author": hit.author,
        "publisher": publisher,
        "published_at": hit.published_at.isoformat() if hit.published_at else "",
        "page": hit.page,
        "section": hit.section,
        "passage": hit.text,
        "best_sentence": hit.excerpt.best,
        "hazards": list(document.hazards) if document else [],
        "places": list(document.places) if document else [],
        "event": document.event if document else "",
        "language": document.language if document else "",
        "copies": hit.copy_count,
        "more_passages": len(hit.folded),
        "citation": citation(
            title=hit.title,
            author=hit.author,
            source=publisher or hit.corpus_name,
            published_at=hit.published_at,
            page=hit.page,
            url=url,
        ),
        "url": url,
        "score": round(hit.score, 6),
        "found_by": hit.found_by,
        "document_id": hit.document_id,
        "passage_id": hit.passage_id,
        "external_id": hit.external_id,
    }


def as_csv(taken: Taken) -> str:
    return table(COLUMNS, taken.rows)


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as CSV that a spreadsheet shows and never computes: no cell of it is a formula."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return _CSV_MARK + written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    if not isinstance(value, str):
        return "" if value is None else value
    # A tab or a line break before the sign hides it from defusedcsv, not from every spreadsheet.
    return _WIDE_FORMULA.sub(lambda sign: "'" + sign[0], value.strip())


def as_json(taken: Taken) -> str:
    facts = {
        "query": taken.query,
        "read_as": taken.read_as,
        "filters": taken.filters,
        "url": taken.url,
        "searched_at": taken.at.isoformat(timespec="seconds"),
        "mode": taken.mode,
        "results": taken.rows,
    }
    return json.dumps(facts, ensure_ascii=False, indent=1)


def as_markdown(taken: Taken) -> str:
    return "\n".join(_markdown(taken)) + "\n"


def _markdown(taken: Taken) -> Iterator[str]:
    yield f"# {_plain(taken.query)}"
    yield ""
    yield f"Read as: {_plain(taken.read_as)}. Searched {taken.at:%Y-%m-%d %H:%MZ}; {len(taken.rows)} results."
    if taken.filters:
        yield f"Filters: {_plain('; '.join(taken.filters))}."
    for row in taken.rows:
        yield ""
        yield f"## {row['rank']}. {_plain(row['title'])}"
        yield ""
        for line in row["passage"].split("\n"):
            yield f"> {_plain(line)}".rstrip()
        yield ""
        yield f"— {_plain(row['citation'].removesuffix(row['url']).strip())} <{row['url']}>"


def _plain(text: str) -> str:
    """Write a stranger's text so that no character of it is taken for markup."""
    return _LIST_OR_LINE.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", " ".join(text.split())))


@dataclass(frozen=True, slots=True)
class Format:
    write: Callable[[Taken], str]
    media_type: str
    label: str


FORMATS: Mapping[str, Format] = {
    "csv": Format(as_csv, "text/csv; charset=utf-8", "Table (CSV)"),
    "json": Format(as_json, "application/json", "JSON"),
    "md": Format(as_markdown, "text/markdown; charset=utf-8", "Markdown with citations"),
}


def file_name(query: str, at: datetime, ending: str) -> str:
    """Return a name that says what was searched, and when."""
    words = "-".join(re.findall(r"\w+", query.lower()))[:40].strip("-_") or "search"
    return f"{at:%Y-%m-%d}-{words}.{ending}"
