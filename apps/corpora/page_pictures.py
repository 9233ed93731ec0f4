"""Pages of PDFs as pictures: drawn once in a limited child process, then kept on the disk for a while."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from django.core.cache import caches

from apps.corpora import extraction
from apps.corpora.models import Document, StoredFile

LIMITS = extraction.Limits(memory_bytes=1024 * 2**20, cpu_seconds=20, wall_seconds=30)
MEDIA_TYPE = "image/webp"
_HEAD = 1024
# In a web process of eight threads: so many pages are drawn at once, and with those that wait for it so many.
# Whatever people leaf through, the other threads are left for searches.
_drawing = threading.BoundedSemaphore(2)
_in_hand = threading.BoundedSemaphore(4)
WAIT_S = 5.0


class Busy(Exception):
    """So many pages are being drawn that this one has to wait; asking again in a moment will do."""


def is_pdf(stored: StoredFile | None) -> bool:
    """Say by its bytes whether a stored file is a PDF."""
    if stored is None:
        return False
    try:
        with stored.file.open("rb") as file:
            return b"%PDF-" in file.read(_HEAD)
    except FileNotFoundError:  # taken from the disk behind our back: `doctor` tells
        return False


def page_picture(document: Document, number: int) -> bytes:
    """Return page `number`, from 1, of a PDF as WebP; raise Busy, or ExtractionFailed where it cannot be drawn."""
    if document.source is None:
        raise extraction.ExtractionFailed("This document came without a file.")
    cache, key = caches["page-pictures"], f"{document.source.sha256}-{number}"
    if (known := cast("bytes | None", cache.get(key))) is not None:
        return known
    with _turn():
        if (known := cast("bytes | None", cache.get(key))) is not None:  # drawn for somebody else meanwhile
            return known
        drawn = _draw(document.source, number)
        cache.set(key, drawn)
    return drawn


@contextmanager
def _turn() -> Iterator[None]:
    """Hold one of the places for drawing; raise Busy when too many wait for one, or it does not come free in time."""
    if not _in_hand.acquire(blocking=False):
        raise Busy
    try:
        if not _drawing.acquire(timeout=WAIT_S):
            raise Busy
        try:
            yield
        finally:
            _drawing.release()
    finally:
        _in_hand.release()


def _draw(source: StoredFile, number: int) -> bytes:
    with tempfile.TemporaryDirectory(prefix="dmsearch-page-") as folder:
        target = Path(folder, "page.webp")
        extraction.picture_page(Path(source.file.path), number, target, limits=LIMITS)
        return target.read_bytes()
