"""What goes into and comes out of the reading of a file. Plain Python: the child process imports it first."""

from collections.abc import Mapping as Map
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Self

MiB = 1024 * 1024


class ExtractionFailed(Exception):
    """A file could not be read. The message is for the uploader: what happened, and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much one file may cost before it is given up."""

    memory_bytes: int = 2048 * MiB  #: address space of the child
    cpu_seconds: int = 300
    wall_seconds: float = 600.0  #: spent waiting for the child; what the caller does in between is free
    pages: int = 20_000
    document_characters: int = 50_000_000  #: text of one document
    total_characters: int = 2_000_000_000  #: text of all documents of one file
    cell_characters: int = 1_000_000  #: one value of a table
    members: int = 10_000  #: files in a zip
    member_bytes: int = 500 * MiB  #: one file out of a zip
    unpacked_bytes: int = 4096 * MiB  #: all files out of a zip
    ratio: int = 200  #: unpacked / packed, for what unpacks to more than 1 MiB


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading is the line of the text that begins at `start`; level 1 is the highest."""

    start: int
    level: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractedDocument:
    title: str
    text: str
    external_id: str | None = None  #: the document's name in its own world: tweet id, row id, message id
    kind: str | None = None  #: set when the content itself says it ("tweet"); else the uploader's kind holds
    headings: tuple[Heading, ...] = ()
    page_starts: tuple[int, ...] = ()  #: offset at which each page (slide, sheet) begins
    author: str = ""
    published_at: datetime | None = None
    language: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row, line, record or attachment that was left out; the header of a table is row 1."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """A file out of a zip: `name` is what the zip called it, `path` where it lies under a name of ours."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page drawn into the file at `path`; its size in pixels."""

    path: Path
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class RefusedMember:
    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """Which column of a table means what. "" is "no such column"; no text column: the whole row is the text."""

    text: tuple[str, ...] = ()
    title: str = ""
    date: str = ""
    id: str = ""
    author: str = ""
    url: str = ""
    language: str = ""

    @classmethod
    def from_dict(cls, columns: Map[str, Any]) -> Self:
        """Raise ValueError for a field that a mapping does not have."""
        unknown = set(columns) - {each.name for each in fields(cls)}
        if unknown:
            raise ValueError(f"a mapping has no field {', '.join(sorted(unknown))}")
        text = columns.get("text", ())
        named = {name: str(column) for name, column in columns.items() if name != "text"}
        return cls(text=(text,) if isinstance(text, str) and text else tuple(text), **named)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "text": list(self.text)}

    def columns(self) -> set[str]:
        """Return the columns that have a meaning of their own."""
        single = {self.title, self.date, self.id, self.author, self.url, self.language}
        return (single | set(self.text)) - {""}


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One file to be read, and what its uploader said about it."""

    path: Path
    name: str
    kind: str = ""
    mapping: Mapping | None = None
    limits: Limits = LIMITS
