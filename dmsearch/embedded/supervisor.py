"""Bring the servers of a state folder up and down, one caller at a time."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from dmsearch.embedded.accounts import Account
from dmsearch.embedded.errors import ServiceError
from dmsearch.embedded.folders import ANOTHER_PLACE, settle
from dmsearch.embedded.locking import exclusive
from dmsearch.embedded.options import StartOptions
from dmsearch.embedded.paths import Home
from dmsearch.embedded.postgres import Postgres
from dmsearch.embedded.status import ServerStatus
from dmsearch.embedded.valkey import Valkey

_LOCK_SECONDS = 330  # longer than any start may take


class Server(Protocol):
    name: str

    def pid(self) -> int | None: ...
    def is_ready(self) -> bool: ...
    def start(self, account: Account, options: StartOptions) -> None: ...
    def finish(self) -> None: ...
    def stop(self, *, at_once: bool = False) -> None: ...
    def status(self) -> ServerStatus: ...


def up(
    home: Home, *, postgres: bool = True, valkey: bool = True, die_with_parent: bool = False, durable: bool = True
) -> list[str]:
    """Bring the servers up; return the names of those that this call started.

    The last two are told in StartOptions; servers that are up already stay as they are.
    """
    servers = _servers(home, postgres=postgres, valkey=valkey)
    if all(server.is_ready() for server in servers):
        return []
    options = StartOptions(die_with_parent=die_with_parent, durable=durable)
    with _alone(home):
        account = settle(home)
        return [server.name for server in servers if _bring_up(server, account, options)]


def down(home: Home, *, postgres: bool = True, valkey: bool = True) -> list[str]:
    """Stop the servers that run; return their names."""
    return _stop(home, _servers(home, postgres=postgres, valkey=valkey), at_once=False)


def status(home: Home, *, postgres: bool = True, valkey: bool = True) -> list[ServerStatus]:
    return [server.status() for server in _servers(home, postgres=postgres, valkey=valkey)]


def fallen(home: Home, *, postgres: bool = True, valkey: bool = True) -> list[str]:
    """Return the names of the servers that do not run. Cheap: asks no server anything."""
    return [server.name for server in _servers(home, postgres=postgres, valkey=valkey) if server.pid() is None]


def remove(home: Home) -> None:
    """Stop the servers and delete all that they wrote: the end of a throw-away installation."""
    _stop(home, _servers(home, postgres=True, valkey=True), at_once=True)
    shutil.rmtree(home.servers.resolve(), ignore_errors=True)
    if home.servers.is_symlink():
        home.servers.unlink()
    if home.sockets != home.servers:
        shutil.rmtree(home.sockets, ignore_errors=True)


def _servers(home: Home, *, postgres: bool, valkey: bool) -> list[Server]:
    wanted: list[Server] = []
    if postgres:
        wanted.append(Postgres(home))
    if valkey:
        wanted.append(Valkey(home))
    return wanted


def _bring_up(server: Server, account: Account, options: StartOptions) -> bool:
    started = server.pid() is None
    if started:
        server.start(account, options)
    server.finish()
    return started


def _stop(home: Home, servers: list[Server], *, at_once: bool) -> list[str]:
    if not home.servers.exists():
        return []
    with _alone(home):
        running = [server for server in servers if server.pid() is not None]
        for server in running:
            server.stop(at_once=at_once)
        return [server.name for server in running]


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    try:
        home.path.mkdir(parents=True, exist_ok=True)
        with exclusive(home.lock, seconds=_LOCK_SECONDS):
            yield
    except OSError as failure:
        raise ServiceError(
            "servers",
            f"cannot use the state folder {home.path}: {failure}",
            remedy=f"see to its space and permissions, {ANOTHER_PLACE}",
        ) from failure
