"""Where the embedded servers live and how to reach them, worked out from the state folder alone."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATABASE = "dmsearch"
DATABASE_USER = "dmsearch"
POSTGRES_PORT = 5432  # no TCP port: a part of the socket's name. Given everywhere, or PGPORT would count
POSTGRES_SOCKET = f".s.PGSQL.{POSTGRES_PORT}"
VALKEY_SOCKET = "valkey.sock"

_SOCKET_PATH_LIMIT = 103  # bytes: the address of a Unix socket holds 104 on macOS, NUL included
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]+")  # nothing that libpq or a URL would read otherwise
# Not tempfile.gettempdir(): two programs with different TMPDIRs have to meet at the same socket.
_SHORT_FOLDER = Path("/tmp")  # noqa: S108 - what is made there is private and its owner is checked


@dataclass(frozen=True, slots=True)
class Home:
    """The state folder of one installation."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path).expanduser().resolve())

    @property
    def servers(self) -> Path:
        """Data, logs and sockets of the servers; a link when their account cannot reach `path`."""
        return self.path / "servers"

    @property
    def lock(self) -> Path:
        """Held while servers are started or stopped."""
        return self.path / "servers.lock"

    @property
    def digest(self) -> str:
        return hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]

    @property
    def sockets(self) -> Path:
        """The folder of both sockets: `servers`, or a short one where that path will not do."""
        length = len(os.fsencode(self.servers / POSTGRES_SOCKET))
        if length <= _SOCKET_PATH_LIMIT and _PLAIN_PATH.fullmatch(str(self.servers)):
            return self.servers
        return _SHORT_FOLDER / f"dmsearch-{self.digest}"

    def database_settings(self) -> dict[str, Any]:
        """Return the entry for Django's DATABASES."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": DATABASE,
            "USER": DATABASE_USER,
            "PASSWORD": "",
            "HOST": str(self.sockets),
            "PORT": str(POSTGRES_PORT),
        }

    def broker_url(self, *, db: int = 0) -> str:
        """Return the URL in Celery's spelling, for broker and result backend."""
        return f"redis+socket://{self.sockets / VALKEY_SOCKET}?virtual_host={db}"

    def redis_url(self, *, db: int) -> str:
        """Return the URL in the spelling of redis-py and Django's cache."""
        return f"unix://{self.sockets / VALKEY_SOCKET}?db={db}"
