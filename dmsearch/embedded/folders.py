"""Folders that only the servers' account can enter."""

import os
import stat
from pathlib import Path

from dmsearch.embedded.accounts import Account, choose_account
from dmsearch.embedded.errors import ServiceError
from dmsearch.embedded.paths import Home

# Where root keeps the data of a state folder that the account cannot reach, such as one below /root:
# opening somebody's home to it is not ours to do.
SHELTER = Path("/var/lib/dmsearch")

ANOTHER_PLACE = "set DMSEARCH_HOME to a folder of your own, or set DATABASE_URL and REDIS_URL."


def settle(home: Home) -> Account:
    """Make the folders of `home` that are missing; return the account that they belong to."""
    account = choose_account(home.servers)
    if not home.servers.exists():
        _make_servers_folder(home, account)
    make_private(home.servers.resolve(), account)
    if home.sockets != home.servers:
        make_private(home.sockets, account)
    return account


def make_private(folder: Path, account: Account) -> None:
    """Make `folder` for `account` alone, or check that it is so already."""
    try:
        folder.mkdir(mode=0o700)
        if not account.is_ours:
            os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        _check_private(folder, account)
    if not account.can_reach(folder):
        raise ServiceError(
            "servers",
            f"the account {account.name} they run as can no longer reach {folder}",
            remedy=f"let others pass through the folders above it, or {ANOTHER_PLACE}",
        )


def write_for(account: Account, path: Path, text: str) -> None:
    """Write a file that `account` owns, whole or not at all.

    Through a new file: root must not follow a link that the account may have laid.
    """
    scratch = path.with_name(f"{path.name}.scratch")
    scratch.unlink(missing_ok=True)
    with scratch.open("x", encoding="utf-8") as file:
        file.write(text)
        if not account.is_ours:
            os.fchown(file.fileno(), account.uid, account.gid)
    scratch.replace(path)


def _make_servers_folder(home: Home, account: Account) -> None:
    if account.can_reach(home.path):
        return make_private(home.servers, account)
    SHELTER.mkdir(mode=0o755, exist_ok=True)
    shelter = SHELTER / home.digest
    make_private(shelter, account)
    home.servers.unlink(missing_ok=True)  # a link whose end was deleted
    return home.servers.symlink_to(shelter)


def _check_private(folder: Path, account: Account) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid:
        raise ServiceError(
            "servers",
            f"{folder} belongs to somebody else (uid {found.st_uid}; the servers run as"
            f" {account.name}, uid {account.uid})",
            remedy=f"run as its owner, delete it if it is nobody's, or {ANOTHER_PLACE}",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
