"""From a stranger's file to documents: what it is, what it says, and why not where it cannot be read.

Everything that looks into a file runs in a child process with limits on memory, computing and time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apps.corpora.extraction import sandbox
from apps.corpora.extraction.formats import is_archive
from apps.corpora.extraction.records import (
    LIMITS,
    BadRow,
    ExtractedDocument,
    ExtractionFailed,
    Heading,
    Limits,
    Mapping,
    PagePicture,
    RefusedMember,
    UnpackedFile,
)

__all__ = [
    "LIMITS",
    "BadRow",
    "ExtractedDocument",
    "ExtractionFailed",
    "Heading",
    "Limits",
    "Mapping",
    "PagePicture",
    "RefusedMember",
    "UnpackedFile",
    "extract",
    "guess_mapping",
    "is_archive",
    "picture_page",
    "unpack",
]


def extract(
    path: Path, *, name: str, kind: str = "", mapping: Mapping | dict[str, Any] | None = None, limits: Limits = LIMITS
) -> Iterator[ExtractedDocument | BadRow]:
    """Yield the documents in the file as they are read, and the rows that had to be left out.

    `name` is what its owner calls it. `kind` "tweet" makes each row of a table a tweet. `mapping` says which
    column means what; without it, it is guessed. Raise ExtractionFailed, perhaps after some documents.
    """
    if isinstance(mapping, Mapping):
        mapping = mapping.to_dict()
    request = {"task": "extract", "path": str(path), "name": name, "kind": kind, "mapping": mapping}
    for record in sandbox.run(request, limits=limits):
        if isinstance(record, ExtractedDocument | BadRow):
            yield record


def guess_mapping(path: Path, *, name: str, limits: Limits = LIMITS) -> Mapping | None:
    """Return what the columns of a table of records seem to mean; None for what is one document, and for tweets."""
    request = {"task": "guess_mapping", "path": str(path), "name": name, "kind": "", "mapping": None}
    return next((record for record in sandbox.run(request, limits=limits) if isinstance(record, Mapping)), None)


def unpack(path: Path, into: Path, *, limits: Limits = LIMITS) -> Iterator[UnpackedFile | RefusedMember]:
    """Unpack a zip into the folder `into`, under names of our own; yield each file as it is there to be read.

    A bad member is refused by name and reason, and the others go on. Raise ExtractionFailed for no zip at all.
    """
    request = {"task": "unpack", "path": str(path), "into": str(into), "name": path.name}
    for record in sandbox.run(request, limits=limits):
        if isinstance(record, UnpackedFile | RefusedMember):
            yield record


def picture_page(path: Path, number: int, into: Path, *, limits: Limits = LIMITS) -> PagePicture:
    """Draw page `number`, from 1, of the PDF at `path` as WebP into the file `into`; raise ExtractionFailed."""
    request = {"task": "picture", "path": str(path), "number": number, "into": str(into), "name": path.name}
    drawn = next((record for record in sandbox.run(request, limits=limits) if isinstance(record, PagePicture)), None)
    if drawn is None:
        raise ExtractionFailed(f"Page {number:,} cannot be drawn.")
    return drawn
