"""Make a backup; take old ones away."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from apps.corpora.models import StoredFile
from apps.operations.backups import postgres, trained
from apps.operations.backups.copying import PARTIAL, copy_whole
from apps.operations.backups.errors import BackupFailed
from apps.operations.backups.manifest import (
    DUMP,
    FILES,
    FORMAT,
    MANIFEST,
    MODELS,
    Listed,
    Manifest,
    read_list,
    sha256_of,
    write_list,
)
from apps.operations.models import Backup

Say = Callable[[str], None]

# Compared after a restore: what people made, and what took long to make.
COUNTED = ("accounts.User", "corpora.Corpus", "corpora.Document", "corpora.Passage", "indexing.PassageVector")


def make(place: Path, *, say: Say) -> tuple[Path, Manifest]:
    """Write a backup into `place`; return its folder. What is cut short leaves a folder that ends in .partial.

    Files are listed before the dump and after it, so that none that the dump has a row of is left out: it may come
    while the dump is begun, or go (its document is deleted), which is told by name.
    """
    started, moment = time.monotonic(), timezone.now()
    _refuse_the_products_own_files(place)
    folder = place / f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    partial = folder.with_name(folder.name + PARTIAL)
    try:
        partial.mkdir(parents=True)
    except OSError as failure:
        raise BackupFailed(
            f"Cannot write to {place}: {failure.strerror}. Name a folder on a disk with room."
        ) from failure
    say("copying the database")
    listed = _stored_files()
    rows = row_counts()
    postgres.dump(partial / DUMP)
    listed = list(dict.fromkeys([*listed, *_stored_files()]))
    say(f"copying files: {len(listed):,} in all, those of earlier backups are there already")
    kept = _copy_files(listed, place / "files", say=say)
    write_list(partial / FILES, kept)
    write_list(partial / MODELS, trained.copy(place / "files", say=say))
    manifest = _manifest(partial, moment, kept=kept, rows=rows)
    manifest.write(partial)
    partial.rename(folder)
    Backup.objects.create(
        made_at=moment,
        place=str(folder)[:500],
        database_bytes=manifest.dump_bytes,
        files=len(kept),
        took_s=time.monotonic() - started,
    )
    return folder, manifest


def prune(place: Path, *, keep: int) -> list[Path]:
    """Delete all but the `keep` newest backups of `place`, and the files that no other one lists."""
    backups = sorted(path.parent for path in place.glob(f"*Z/{MANIFEST}"))
    gone = backups[:-keep]
    for folder in (*gone, *place.glob(f"*Z{PARTIAL}")):
        shutil.rmtree(folder)
    if gone:
        lists = [path for folder in backups[-keep:] for path in (folder / FILES, folder / MODELS) if path.exists()]
        wanted = {file.copy for path in lists for file in read_list(path)}
        for path in (place / "files").rglob("*"):
            if path.is_file() and path.relative_to(place / "files").as_posix() not in wanted:
                path.unlink()
    return gone


def _refuse_the_products_own_files(place: Path) -> None:
    """They would be taken for the copies of themselves, and be deleted with old backups."""
    own, copies = Path(settings.MEDIA_ROOT).resolve(), (place / "files").resolve()
    if copies.is_relative_to(own) or own.is_relative_to(copies):
        raise BackupFailed(f"The uploaded files themselves lie in {own}. Name another folder, best on another disk.")


def row_counts() -> dict[str, int]:
    return {label: apps.get_model(label)._default_manager.count() for label in COUNTED}


def _stored_files() -> list[Listed]:
    rows = StoredFile.objects.exclude(file="").order_by("pk").values_list("sha256", "file", "size")
    return [Listed(*row) for row in rows.iterator()]


def _copy_files(listed: list[Listed], to: Path, *, say: Say) -> list[Listed]:
    """Copy what is not there yet; return what the backup holds."""
    kept = []
    for number, file in enumerate(listed, start=1):
        if not (to / file.copy).exists():
            try:
                copy_whole(Path(settings.MEDIA_ROOT) / file.name, to / file.copy)
            except FileNotFoundError:
                say(f"gone meanwhile, left out: {file.name}")
                continue
        kept.append(file)
        if number % 1000 == 0:
            say(f"{number:,} of {len(listed):,} files")
    return kept


def _manifest(folder: Path, moment: datetime, *, kept: list[Listed], rows: dict[str, int]) -> Manifest:
    dump = folder / DUMP
    applied = MigrationRecorder(connection).applied_migrations()
    return Manifest(
        format=FORMAT,
        made_at=moment.isoformat(),
        dump_sha256=sha256_of(dump),
        dump_bytes=dump.stat().st_size,
        files=len(kept),
        files_bytes=sum(file.size for file in kept),
        files_sha256=sha256_of(folder / FILES),
        postgres=str(postgres.server_version()),
        migrations=dict(sorted(applied)),
        rows=rows,
        models=sorted({file.name.partition("/")[0] for file in read_list(folder / MODELS)}),
        models_sha256=sha256_of(folder / MODELS),
    )
