"""The bytes of uploads, each kept once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from django.core.files import File
from django.db import models

from apps.corpora.storage import WholeFileStorage


def stored_path(stored: StoredFile, _name: str) -> str:
    """Return a path made of the hash alone: no stranger's file name reaches the disk."""
    return f"{stored.sha256[:2]}/{stored.sha256[2:4]}/{stored.sha256}"


class StoredFileManager(models.Manager["StoredFile"]):
    def keep(self, content: File[bytes], *, media_type: str = "") -> tuple[StoredFile, bool]:
        """Store `content` under its SHA-256 once; say whether it was new."""
        digest = hashlib.sha256()
        size = 0
        for block in _blocks(content):
            digest.update(block)
            size += len(block)
        stored, created = self.get_or_create(
            sha256=digest.hexdigest(), defaults={"size": size, "media_type": media_type}
        )
        if not stored.file.name or not stored.file.storage.exists(stored.file.name):
            content.seek(0)
            stored.file.save(stored.sha256, content, save=True)
        return stored, created


def _blocks(content: File[bytes]) -> Iterator[bytes]:
    content.seek(0)
    while block := content.read(1 << 20):
        yield block


class StoredFile(models.Model):
    """The bytes of an upload, kept once however often and wherever they arrive."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    file = models.FileField(upload_to=stored_path, storage=WholeFileStorage, max_length=100)
    size = models.BigIntegerField()
    media_type = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StoredFileManager()

    def __str__(self) -> str:
        return self.sha256[:12]
