"""Whom the servers run as: PostgreSQL refuses to run as root."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmsearch.embedded.errors import ServiceError

_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    def popen_options(self) -> dict[str, Any]:
        """Return what makes `subprocess` run a program as this account."""
        if self.is_ours:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_reach(self, path: Path) -> bool:
        """Tell whether the account may pass through every folder above `path`, and use `path`.

        Access lists are not asked: where only they give access, this says no.
        """
        real = path.resolve()
        return self.is_ours or all(self._may_execute(step) for step in (real, *real.parents))

    def _may_execute(self, path: Path) -> bool:
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


def choose_account(folder: Path) -> Account:
    """Return ourselves; for root, the owner of `folder` where it exists, else an unprivileged one."""
    if os.geteuid() != 0:
        return _account(os.geteuid(), os.getegid())
    if folder.exists() and (found := folder.stat()).st_uid != 0:
        return _account(found.st_uid, found.st_gid)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ServiceError(
        "servers",
        f"PostgreSQL refuses to run as root, and there is no account {' or '.join(_UNPRIVILEGED)}",
        remedy="run as an ordinary user, or set DATABASE_URL and REDIS_URL.",
    )


def _account(uid: int, gid: int) -> Account:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # containers run as numbers that have no entry
        name = str(uid)
    return Account(name, uid, gid)
