from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.operations.backups import restoring
from apps.operations.backups.errors import BackupFailed
from dmsearch import embedded
from dmsearch.only_one import AlreadyRunning, only_one


class Command(BaseCommand):
    help = "Bring a backup back: all that the database holds is replaced by it, or nothing is."
    requires_system_checks = ()  # an empty database is what it is for

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="the dated folder that `manage.py backup` printed")
        parser.add_argument("--replace", action="store_true", help="the database holds documents: replace them")

    def handle(self, *, folder: Path, replace: bool, **_: Any) -> None:
        settings.STATE_DIR.mkdir(parents=True, exist_ok=True)
        servers = {"postgres": settings.EMBEDDED_POSTGRES, "valkey": settings.EMBEDDED_VALKEY}
        try:
            with only_one(settings.STATE_DIR / "run.lock", address="manage.py restore"):
                started = embedded.up(settings.HOME, **servers)
                try:
                    self._restore(folder.expanduser().absolute(), replace=replace)
                finally:
                    embedded.down(settings.HOME, postgres="postgres" in started, valkey="valkey" in started)
        except AlreadyRunning as other:
            raise CommandError(f"dmsearch is running here ({other}): stop it, then restore.") from other
        except (BackupFailed, embedded.ServiceError) as failure:
            raise CommandError(str(failure)) from failure

    def _restore(self, folder: Path, *, replace: bool) -> None:
        if restoring.holds_data() and not replace:
            raise CommandError(
                "The database holds documents, and restoring would replace them. Nothing was changed. "
                "Back them up, then run this again with --replace."
            )
        manifest = restoring.restore(folder, say=self.stdout.write)
        self.stdout.write(f"Restored what was there on {manifest.moment:%d %b %Y %H:%MZ}. Everybody logs in again.")
