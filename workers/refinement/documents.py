"""Documents to make pairs of: JSON lines, storm event tables, and files of every kind that ingestion reads."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.corpora.extraction import ExtractedDocument, Heading, extract

_EVENT, _EPISODE = "EVENT_NARRATIVE", "EPISODE_NARRATIVE"  # columns of NOAA's Storm Events Database


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceDocument:
    id: str
    title: str
    text: str
    headings: tuple[Heading, ...] = ()
    episode: str = ""  #: id of the longer account that this event belongs to

    def as_extracted(self) -> ExtractedDocument:
        """Return it as ingestion knows it, to be cut into passages."""
        return ExtractedDocument(title=self.title, text=self.text, headings=self.headings)

    def to_json(self) -> dict[str, Any]:
        headings = [[heading.start, heading.level] for heading in self.headings]
        return {"_id": self.id, "title": self.title, "text": self.text, "headings": headings, "episode": self.episode}


def read_documents(paths: Sequence[Path]) -> Iterator[SourceDocument]:
    """Yield the documents of all files, in order.

    Raises ValueError naming file and line where JSON is broken, ExtractionFailed where a file cannot be read.
    """
    for path in paths:
        if path.suffix == ".jsonl":
            yield from _json_lines(path)
        elif path.suffix == ".csv" and _is_storm_table(path):
            yield from _storm_events(path)
        else:
            yield from _extracted(path)


def _json_lines(path: Path) -> Iterator[SourceDocument]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
                yield SourceDocument(
                    id=str(fields["_id"]),
                    title=(fields.get("title") or "").strip(),
                    text=str(fields["text"]),
                    headings=tuple(Heading(start, level) for start, level in fields.get("headings") or ()),
                    episode=str(fields.get("episode") or ""),
                )
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path}, line {number}: not a document: {error}") from error


def _is_storm_table(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return {_EVENT, _EPISODE} <= set(next(csv.reader(file), ()))


def _storm_events(path: Path) -> Iterator[SourceDocument]:
    """Yield each episode once, before the first of its events."""
    told: set[str] = set()
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            place = " ".join((row.get("CZ_NAME_STR") or row.get("CZ_NAME") or "").split())
            title = f"{row['EVENT_TYPE']} at {place}, {row.get('BEGIN_DATE') or row.get('BEGIN_DATE_TIME') or ''}"
            episode = f"episode-{row['EPISODE_ID']}"
            if episode not in told:
                told.add(episode)
                yield SourceDocument(id=episode, title="", text=(row[_EPISODE] or "").strip())
            event = (row[_EVENT] or "").strip()
            yield SourceDocument(id=f"event-{row['EVENT_ID']}", title=title, text=event, episode=episode)


def _extracted(path: Path) -> Iterator[SourceDocument]:
    found: Iterable[ExtractedDocument] = (
        record for record in extract(path, name=path.name) if isinstance(record, ExtractedDocument)
    )
    for number, document in enumerate(found):
        yield SourceDocument(
            id=f"{path.name}#{number}", title=document.title, text=document.text, headings=document.headings
        )
