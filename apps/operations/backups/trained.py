"""Models that were trained here: each goes into a backup whole and comes back whole, or is named."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from apps.operations.backups.copying import PARTIAL, copy_whole
from apps.operations.backups.manifest import Listed, sha256_of
from apps.retrievers.own import models_folder, trained_folders

Say = Callable[[str], None]


def copy(to: Path, *, say: Say) -> list[Listed]:
    """Copy the files of the models to their names by hash in `to`; return what the backup holds."""
    kept: list[Listed] = []
    for folder, _card in trained_folders():
        try:
            files = list(_files(folder))
            for file in files:
                if not (to / file.copy).exists():
                    copy_whole(models_folder() / file.name, to / file.copy)
        except FileNotFoundError:
            say(f"taken away or trained anew meanwhile, left out: model {folder.name}")
            continue
        kept += files
    return kept


def bring_back(listed: Iterable[Listed], *, copies: Path, say: Say) -> None:
    """Put the models back; one of that name that is there with other content stays."""
    models: dict[str, list[Listed]] = defaultdict(list)
    for file in listed:
        models[file.name.partition("/")[0]].append(file)
    for name, files in models.items():
        folder = models_folder() / name
        if not folder.exists():
            _bring_one_back(folder, files, copies=copies)
        elif not set(files) <= set(_files(folder)):
            say(f"a model {name} is in {folder} that is not the backup's: it stays. Move it away and restore again.")


def _bring_one_back(folder: Path, files: list[Listed], *, copies: Path) -> None:
    partial = folder.with_name(f".{folder.name}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    for file in files:
        copy_whole(copies / file.copy, partial / file.name.partition("/")[2])
    partial.replace(folder)


def _files(folder: Path) -> Iterator[Listed]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield Listed(sha256_of(path), path.relative_to(models_folder()).as_posix(), path.stat().st_size)
