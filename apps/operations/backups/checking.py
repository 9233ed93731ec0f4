"""Is a backup whole? Read every byte of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apps.operations.backups import postgres
from apps.operations.backups.manifest import DUMP, FILES, MODELS, Manifest, read_list, sha256_of


def faults(folder: Path) -> Iterator[str]:
    """Yield what is missing or changed in the backup `folder`; nothing when it can be restored whole."""
    manifest = Manifest.read(folder)
    if fault := _fault_of(folder / DUMP, manifest.dump_sha256):
        yield fault
    else:
        postgres.contents(folder / DUMP)
    for name, sha256 in ((FILES, manifest.files_sha256), (MODELS, manifest.models_sha256)):
        if not sha256:
            continue  # made before models were kept
        if fault := _fault_of(folder / name, sha256):
            yield fault
        else:
            yield from _faults_of_copies(folder / name)


def _fault_of(path: Path, sha256: str) -> str:
    """Say what is wrong with a file of the backup; "" when it is as it was written."""
    if not path.is_file():
        return f"{path.name} is missing"
    return "" if sha256_of(path) == sha256 else f"{path.name} is not what was written: its SHA-256 differs"


def _faults_of_copies(listed: Path) -> Iterator[str]:
    for file in read_list(listed):
        copy = listed.parent.parent / "files" / file.copy
        if not copy.is_file():
            yield f"file {file.name} is missing"
        elif sha256_of(copy) != file.sha256:
            yield f"file {file.name} is not what was copied: its SHA-256 differs (delete it: the next backup copies it anew)"
