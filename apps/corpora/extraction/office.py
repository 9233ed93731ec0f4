"""What DOCX, PPTX and XLSX share: a zip of XML that must not blow up, and properties that say who and when."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apps.corpora.extraction.records import ExtractionFailed, Limits, MiB, Source

_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_MOST_PARTS = 20_000
# What the libraries raise on broken packages, found by breaking them; errors of XML are SyntaxErrors, and
# a way of compressing that zipfile does not know is a NotImplementedError.
_SIGNS_OF_DAMAGE = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, SyntaxError, NotImplementedError,
    KeyError, IndexError, ValueError, AttributeError, TypeError,
)  # fmt: skip


@contextmanager
def checked(source: Source, what: str) -> Iterator[None]:
    """Refuse a bomb before its library opens it, and say in words what that library could not bear."""
    try:
        _check(source)
        yield
    except _SIGNS_OF_DAMAGE as error:
        raise ExtractionFailed(
            f"This {what} is damaged ({type(error).__name__}: {error}). "
            "Open it in the program that made it, save it anew and upload that."
        ) from error


def metadata_of(properties: Any) -> dict[str, Any]:
    """Return what a file's core properties say, less what they leave empty."""
    said = {
        "created_at": properties.created.isoformat() if properties.created else "",
        "modified_at": properties.modified.isoformat() if properties.modified else "",
        "subject": properties.subject,
        "keywords": properties.keywords,
    }
    return {name: value for name, value in said.items() if value}


def _check(source: Source) -> None:
    with zipfile.ZipFile(source.path) as package:
        parts = package.infolist()
        if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > source.limits.member_bytes:
            raise ExtractionFailed(
                f"This Office file unpacks to more than {source.limits.member_bytes // MiB:,} MB, as a zip bomb "
                "does. If it is not one, take out its pictures and upload it again."
            )
        for part in parts:
            _check_part(package, part, source.limits)


def _check_part(package: zipfile.ZipFile, part: zipfile.ZipInfo, limits: Limits) -> None:
    if not part.filename.endswith((".xml", ".rels")):
        return
    # Real XML packs well, yet not beyond this; the library would read it into many times its size.
    if part.file_size > 50 * MiB and part.file_size > limits.ratio * max(part.compress_size, 1):
        raise ExtractionFailed("This Office file holds a part that unpacks like a zip bomb. It is not read.")
    with package.open(part) as opened:
        if _DECLARATION.search(opened.read(4096)):
            raise ExtractionFailed(
                "This Office file declares XML entities, which no Office program does. It is not read."
            )
