"""Bring a backup back: its files and models, then the database all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader

from apps.operations.backups import postgres, trained
from apps.operations.backups.checking import faults
from apps.operations.backups.copying import copy_whole
from apps.operations.backups.errors import BackupFailed
from apps.operations.backups.making import row_counts
from apps.operations.backups.manifest import DUMP, FILES, MODELS, Manifest, read_list

Say = Callable[[str], None]


def restore(folder: Path, *, say: Say) -> Manifest:
    """Put the backup in the place of what the database holds, then bring it up to this version."""
    manifest = Manifest.read(folder)
    _refuse_newer(manifest)
    say("reading the backup through")
    if found := list(faults(folder)):
        raise BackupFailed(
            f"The backup is damaged, and nothing was changed: {'; '.join(found[:3])}"
            + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        )
    say("putting the files back")  # before the rows: no row ever names a file that is not there
    try:
        _copy_files(folder)
        if manifest.models:
            trained.bring_back(read_list(folder / MODELS), copies=folder.parent / "files", say=say)
    except OSError as failure:
        raise BackupFailed(f"The files could not be put back; the database is as it was. {failure}") from failure
    say("putting the database back; graphs are built anew, which takes a while")
    connections.close_all()
    postgres.restore(folder / DUMP)
    found_rows = row_counts()
    if found_rows != manifest.rows:
        say(f"rows counted while the backup was made: {manifest.rows}; now: {found_rows}")
    call_command("migrate", interactive=False, verbosity=0)
    return manifest


def holds_data() -> bool:
    """Tell whether the database has documents, which a restore would replace."""
    tables = connection.introspection.table_names()
    return "corpora_document" in tables and row_counts()["corpora.Document"] > 0


def _refuse_newer(manifest: Manifest) -> None:
    """A newer version's tables may hold what this one does not know how to read."""
    known = MigrationLoader(None).disk_migrations
    newer = [f"{app} {name}" for app, name in manifest.migrations.items() if (app, name) not in known]
    if newer:
        raise BackupFailed(
            f"The backup was made by a newer version ({', '.join(newer[:3])}). Nothing was changed. "
            "Install that version or a later one, then restore."
        )


def _copy_files(folder: Path) -> None:
    root = Path(settings.MEDIA_ROOT)
    for file in read_list(folder / FILES):
        place = root / file.name
        if not (place.exists() and place.stat().st_size == file.size):
            copy_whole(folder.parent / "files" / file.copy, place)
