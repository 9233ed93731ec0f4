"""Uploaded files on disk, under names made of their hashes."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage


class WholeFileStorage(FileSystemStorage):
    """A file appears under its name whole and on the disk, or not at all.

    Names are hashes of contents: whoever brings the same bytes at the same moment replaces them by themselves,
    and nobody ever reads half of them.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File[bytes]) -> str:
        whole = Path(self.path(name))
        whole.parent.mkdir(parents=True, exist_ok=True)
        partial = whole.with_name(f"{whole.name}.{uuid.uuid4().hex}.part")
        try:
            with partial.open("wb") as file:
                for block in content.chunks():
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())  # its row is on the disk when the transaction ends: so must it be
            partial.replace(whole)
        finally:
            partial.unlink(missing_ok=True)
        return name
