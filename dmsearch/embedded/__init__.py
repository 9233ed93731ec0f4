"""Real PostgreSQL + pgvector and a real Valkey, out of wheels, for who has no servers.

Importing this starts nothing, and needs no Django.
"""

from dmsearch.embedded.errors import ServiceError
from dmsearch.embedded.paths import Home
from dmsearch.embedded.status import ServerStatus
from dmsearch.embedded.supervisor import down, fallen, remove, status, up

__all__ = ["Home", "ServerStatus", "ServiceError", "down", "fallen", "remove", "status", "up"]
