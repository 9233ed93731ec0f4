"""Reading a few bytes as a file, in this process: what the child does, without the child."""

from collections.abc import Callable
from pathlib import Path

import pytest

from apps.corpora.extraction import reading
from apps.corpora.extraction.records import ExtractedDocument, Limits, Source


@pytest.fixture
def read(tmp_path: Path, monkeypatch) -> Callable:
    """Read `data` as a file called `name`; return all that came out of it."""
    monkeypatch.chdir(tmp_path)  # the child's own folder

    def read_bytes(data: bytes | str, name: str, *, limits: Limits | None = None, **said) -> list:
        path = tmp_path / "stored-under-its-hash"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return list(reading.read(Source(path=path, name=name, limits=limits or Limits(), **said)))

    return read_bytes


@pytest.fixture
def read_one(read) -> Callable[..., ExtractedDocument]:
    def read_document(data: bytes | str, name: str, **said) -> ExtractedDocument:
        (document,) = read(data, name, **said)
        return document

    return read_document


@pytest.fixture
def guess(tmp_path: Path) -> Callable:
    def guess_mapping(data: bytes | str, name: str):
        path = tmp_path / "table"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return reading.guess_mapping(Source(path=path, name=name))

    return guess_mapping


def heading_texts(document: ExtractedDocument) -> list[tuple[int, str]]:
    return [(each.level, document.text[each.start :].partition("\n")[0]) for each in document.headings]
