import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from apps.operations.backups import checking, making
from apps.operations.backups.errors import BackupFailed
from dmsearch import advisory


class Command(BaseCommand):
    help = "Back up the database, the uploaded files and the models trained here into FOLDER, while all goes on; or check a backup."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="where backups are kept; with --check: one backup")
        parser.add_argument("--keep", type=int, help="afterwards delete all but the newest so many")
        parser.add_argument("--check", action="store_true", help="read a backup through instead of making one")
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")

    def handle(self, *, folder: Path, keep: int | None, check: bool, json: bool, **_: Any) -> None:
        if keep is not None and keep < 1:
            raise CommandError("--keep must be 1 or more: a backup that deletes itself helps nobody.")
        self.as_json = json
        folder = folder.expanduser().absolute()
        try:
            self._check(folder) if check else self._make(folder, keep)
        except BackupFailed as failure:
            raise CommandError(str(failure)) from failure
        except OSError as failure:  # a full disk, a folder of somebody else
            raise CommandError(f"{failure}. Earlier backups are as they were.") from failure

    def _make(self, place: Path, keep: int | None) -> None:
        with advisory.alone("dmsearch.backup") as alone:
            if not alone:  # its files that are not whole yet would be taken for what an earlier one left
                raise CommandError("Another backup is being made: wait for its end. Nothing was changed.")
            folder, manifest = making.make(place, say=self._say)
            gone = making.prune(place, keep=keep) if keep else []
        if self.as_json:
            told = {"folder": str(folder), **asdict(manifest), "deleted": [str(path) for path in gone]}
            self.stdout.write(json.dumps(told, indent=2))
            return
        sizes = f"{_size(manifest.dump_bytes)} of database, {manifest.files:,} files of {_size(manifest.files_bytes)}"
        models = f", models trained here: {', '.join(manifest.models)}" if manifest.models else ""
        self.stdout.write(f"{folder}: {sizes}{models}.")
        self.stdout.write(f"Bring it back with: manage.py restore {folder}")

    def _check(self, folder: Path) -> None:
        found = list(checking.faults(folder))
        if self.as_json:
            self.stdout.write(json.dumps({"folder": str(folder), "faults": found}, indent=2))
        for fault in found if not self.as_json else ():
            self.stdout.write(fault)
        if found:
            raise CommandError(f"{len(found)} faults: this backup cannot be restored whole.")
        if not self.as_json:
            self.stdout.write(f"{folder} is whole.")

    def _say(self, text: str) -> None:
        if not self.as_json:
            self.stdout.write(text)


def _size(count: int) -> str:
    return filesizeformat(count).replace("\xa0", " ")
