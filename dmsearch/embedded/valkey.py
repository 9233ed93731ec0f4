import signal
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dmsearch.embedded import programs
from dmsearch.embedded.accounts import Account
from dmsearch.embedded.binaries import VALKEY
from dmsearch.embedded.errors import ServiceError
from dmsearch.embedded.folders import make_private
from dmsearch.embedded.options import StartOptions
from dmsearch.embedded.paths import VALKEY_SOCKET, Home
from dmsearch.embedded.status import ServerStatus, how_to_mend, size_of

_PID_FILE = "valkey.pid"
_START_SECONDS = 60
_STOP_SECONDS = 8

_UNREACHABLE = (redis.ConnectionError, redis.TimeoutError)  # also while it loads its file


class Valkey:
    """A Valkey that belongs to one state folder: the broker, and the cache."""

    name = "valkey"

    def __init__(self, home: Home) -> None:
        self.home = home

    @property
    def data(self) -> Path:
        return self._folder / "valkey"

    @property
    def log(self) -> Path:
        return self._folder / "valkey.log"

    def pid(self) -> int | None:
        return programs.find(self.data / _PID_FILE, name="valkey-server", folder=self.data)

    def is_ready(self) -> bool:
        return bool(self._info())

    def start(self, account: Account, options: StartOptions) -> None:
        """Start it; it must not be running."""
        valkey = VALKEY.program_for(account, copies=self._folder)
        make_private(self.data, account)
        self._refuse_second()
        argv = (valkey, *self._arguments(options))
        if options.die_with_parent:
            runs = programs.start_tied(account, argv, log=self.log, sent=signal.SIGTERM)
            programs.wait_until(lambda: self.is_ready() or not runs(), seconds=_START_SECONDS)
            started = runs()
        else:
            started = programs.run(account, argv, log=self.log, seconds=_START_SECONDS) == 0
        if not started:
            raise self._error("did not start")

    def finish(self) -> None:
        """Wait until it answers."""
        if not programs.wait_until(self.is_ready, seconds=_START_SECONDS):
            raise self._error("does not answer")

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it if it runs; what was written is on disk then, unless it is stopped `at_once`."""
        pid = self.pid()
        stopped = pid is None or programs.stop(
            pid,
            sent=signal.SIGKILL if at_once else signal.SIGTERM,
            is_running=lambda: self.pid() is not None,
            seconds=_STOP_SECONDS,
        )
        if not stopped:
            raise self._error(f"does not stop (pid {pid})")

    def status(self) -> ServerStatus:
        pid, info = self.pid(), self._info()
        running, reachable = pid is not None, bool(info)
        return ServerStatus(
            name=self.name,
            running=running,
            reachable=reachable,
            pid=pid,
            version=str(info.get("valkey_version", "")),
            data_bytes=size_of(self.data),
            log=self.log,
            mend=how_to_mend(running=running, reachable=reachable, log=self.log),
        )

    @property
    def _folder(self) -> Path:
        """Without the link: the account may be unable to follow it."""
        return self.home.servers.resolve()

    def _arguments(self, options: StartOptions) -> tuple[str | Path, ...]:
        return (
            *("--port", "0"),  # the Unix socket alone
            *("--unixsocket", self.home.sockets.resolve() / VALKEY_SOCKET),
            *("--unixsocketperm", "700"),
            *("--dir", self.data),
            *("--pidfile", self.data / _PID_FILE),
            *("--logfile", self.log),
            *("--loglevel", "notice"),
            *("--daemonize", "no" if options.die_with_parent else "yes"),
            *("--appendonly", "yes"),
            *("--appendfsync", "everysec" if options.durable else "no"),
            *("--save", ""),  # the append-only file is enough
            *("--maxmemory-policy", "noeviction"),  # a queue must not forget
        )

    def _refuse_second(self) -> None:
        """Valkey itself does not mind a second server on the same file, which would destroy it."""
        pids = programs.all_in(self.data, name="valkey-server")
        if pids:
            raise ServiceError(
                self.name,
                f"another server works in {self.data}: pid {', '.join(map(str, pids))}",
                remedy=f"end it (kill {' '.join(map(str, pids))}), then try again.",
            )

    def _info(self) -> dict[str, Any]:
        """Return what the server says of itself; empty when it does not answer."""
        client = redis.Redis(
            unix_socket_path=str(self.home.sockets / VALKEY_SOCKET),
            socket_timeout=2,
            retry=Retry(NoBackoff(), retries=0),  # who asks decides whether to ask again
        )
        try:
            return client.info("server")
        except _UNREACHABLE:
            return {}
        finally:
            client.close()

    def _error(self, what: str) -> ServiceError:
        remedy = f"mend what the log says and try again, or {VALKEY.instead}"
        return ServiceError(self.name, what, remedy=remedy, log=self.log)
