"""Records as JSON lines, between the child process that reads a file and the parent that asked."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.corpora.extraction.records import (
    BadRow,
    ExtractedDocument,
    Heading,
    Mapping,
    PagePicture,
    RefusedMember,
    UnpackedFile,
)

Record = ExtractedDocument | BadRow | UnpackedFile | RefusedMember | Mapping | PagePicture


def dumps(record: Record) -> str:
    return json.dumps({"is": type(record).__name__, **_FIELDS[type(record)](record)}, ensure_ascii=False)


def loads(line: bytes | str) -> Record | dict[str, Any]:
    """Return the record of a line; a line that is no record (the child's last word) comes back as a dict."""
    fields: dict[str, Any] = json.loads(line)
    build = _BUILDERS.get(fields.get("is", ""))
    if build is None:
        return fields
    del fields["is"]
    return build(fields)


def _document_fields(document: ExtractedDocument) -> dict[str, Any]:
    return {
        "title": document.title,
        "text": document.text,
        "external_id": document.external_id,
        "kind": document.kind,
        "headings": [(heading.start, heading.level) for heading in document.headings],
        "page_starts": document.page_starts,
        "author": document.author,
        "published_at": document.published_at.isoformat() if document.published_at else None,
        "language": document.language,
        "metadata": document.metadata,
    }


def _document(fields: dict[str, Any]) -> ExtractedDocument:
    published_at = fields.pop("published_at")
    return ExtractedDocument(
        headings=tuple(Heading(start, level) for start, level in fields.pop("headings")),
        page_starts=tuple(fields.pop("page_starts")),
        published_at=datetime.fromisoformat(published_at) if published_at else None,
        **fields,
    )


_FIELDS: dict[type, Callable[[Any], dict[str, Any]]] = {
    ExtractedDocument: _document_fields,
    BadRow: lambda row: {"number": row.number, "reason": row.reason},
    UnpackedFile: lambda file: {"name": file.name, "path": str(file.path)},
    RefusedMember: lambda member: {"name": member.name, "reason": member.reason},
    Mapping: lambda mapping: mapping.to_dict(),
    PagePicture: lambda drawn: {"path": str(drawn.path), "width": drawn.width, "height": drawn.height},
}
_BUILDERS: dict[str, Callable[[dict[str, Any]], Record]] = {
    "ExtractedDocument": _document,
    "BadRow": lambda fields: BadRow(**fields),
    "UnpackedFile": lambda fields: UnpackedFile(fields["name"], Path(fields["path"])),
    "RefusedMember": lambda fields: RefusedMember(**fields),
    "Mapping": Mapping.from_dict,
    "PagePicture": lambda fields: PagePicture(Path(fields["path"]), fields["width"], fields["height"]),
}
