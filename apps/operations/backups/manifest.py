"""What a backup says of itself, and whether that is still true."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.operations.backups.errors import BackupFailed

FORMAT = 1
MANIFEST, DUMP, FILES, MODELS = "manifest.json", "database.dump", "files.tsv", "models.tsv"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    format: int
    made_at: str
    dump_sha256: str
    dump_bytes: int
    files: int
    files_bytes: int
    files_sha256: str  #: of files.tsv: a list cut short is noticed
    postgres: str
    migrations: dict[str, str]  #: the last of each app, when it was made
    rows: dict[str, int]  #: of the tables that matter, to compare after a restore
    models: list[str] = field(default_factory=list)  #: names of those that were trained here
    models_sha256: str = ""  #: of models.tsv; "" in backups made before there was one

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.made_at)

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        path = folder / MANIFEST
        if not path.is_file():
            raise BackupFailed(
                f"{folder} holds no {MANIFEST}: it is not a backup, or one that was cut short. "
                "Name the dated folder that `manage.py backup` printed."
            )
        try:
            fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            manifest = cls(**fields)
        except (ValueError, TypeError) as failure:
            raise BackupFailed(f"{path} cannot be read: {failure}") from failure
        if manifest.format != FORMAT:
            raise BackupFailed(f"{path} is of format {manifest.format}; this version reads format {FORMAT}.")
        return manifest


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of files.tsv or models.tsv."""

    sha256: str
    name: str  #: below MEDIA_ROOT, or below the folder of models
    size: int

    @property
    def copy(self) -> str:
        """Return where it lies below the backups' own files folder, which is as MEDIA_ROOT is."""
        return f"{self.sha256[:2]}/{self.sha256[2:4]}/{self.sha256}"


def write_list(path: Path, listed: list[Listed]) -> None:
    lines = (f"{file.sha256}\t{file.size}\t{file.name}\n" for file in listed)
    path.write_text("".join(lines), encoding="utf-8")


def read_list(path: Path) -> Iterator[Listed]:
    """Yield the lines of the list; raise BackupFailed at one that is none, or whose file would lie elsewhere."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                sha256, size, name = line.rstrip("\n").split("\t")
                listed = Listed(sha256, name, int(size))
            except ValueError as failure:
                raise BackupFailed(f"{path} cannot be read: line {number} is no file.") from failure
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise BackupFailed(f"{path} is not to be trusted: line {number} names {name}.")
            yield listed


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
