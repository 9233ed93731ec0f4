"""Files and folders of this machine, as an upload of them would name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path


def files_under(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each file with its name, folders before it, in order; hidden ones and links out of a folder are left out."""
    for path in paths:
        if path.is_dir():
            yield from _in_folder(path.resolve())
        else:
            yield path, path.name


def _in_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in inside.parts):
            yield path, f"{folder.name}/{inside.as_posix()}"
