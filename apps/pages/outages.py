"""Which exceptions mean that a server we lean on is away, not that our code is wrong."""

from __future__ import annotations

import logging

import redis.exceptions
from django.conf import settings
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError
from psycopg.errors import UndefinedTable

DATABASE = "database"
BROKER = "message broker"

# SQLSTATE classes and codes of a server that is starting, stopping, full or unreachable. Other
# operational errors (a statement timeout, a deadlock) are faults of one request and stay errors.
_AWAY = ("08", "57P", "53300")


def outage(failure: BaseException | None) -> str | None:
    """Name the server whose absence `failure` tells of, or None when it tells of something else."""
    while failure is not None:
        if isinstance(failure, (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, BrokerError)):
            return BROKER
        if isinstance(failure, InterfaceError):
            return DATABASE
        if isinstance(failure, OperationalError) and _server_is_away(failure):
            return DATABASE
        failure = failure.__cause__
    return None


def not_ready(failure: BaseException) -> str:
    """Say how a person at a terminal gets going where the servers or the tables are not there yet; "" otherwise."""
    if away := outage(failure):
        ours = settings.EMBEDDED_POSTGRES if away == DATABASE else settings.EMBEDDED_VALKEY
        return f"The {away} does not answer. {_START if ours else 'Start it, or correct its URL in the settings.'}"
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, UndefinedTable):
            return f"The database lacks a table. {_START}"
        cause = cause.__cause__
    return ""


_START = "Start it with `make run` first: that starts the servers and makes the tables."


def _server_is_away(failure: OperationalError) -> bool:
    state = getattr(failure.__cause__, "sqlstate", None)
    return state is None or state.startswith(_AWAY)


class OneLine(logging.Filter):
    """Write an outage as one line: a traceback a request, for as long as it lasts, would bury everything else."""

    def filter(self, record: logging.LogRecord) -> bool:
        failure = record.exc_info[1] if record.exc_info else None
        if away := outage(failure):
            reason = next(iter(str(failure).splitlines()), "")
            record.msg, record.args = f"{record.getMessage()}: the {away} does not answer ({reason})", None
            record.exc_info = record.exc_text = None
        return True
