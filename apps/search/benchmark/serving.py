"""A database, a web server and a query worker that are there for the measurement only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import connection, connections

from apps.accounts.models import User
from apps.indexing.models import VectorIndex
from apps.retrievers.intents import Intent
from apps.search import encoding
from dmsearch import embedded

DATABASE = "dmsearch_bench"
START_S = 90.0
# A slow answer must be measured, not replaced by words alone.
PATIENCE_S = 20.0


class ServerFailed(Exception):
    """A process did not come up; the message has the end of its log."""


@contextmanager
def servers() -> Iterator[None]:
    """See that PostgreSQL and Valkey run; stop in the end those that did not before."""
    ours = {"postgres": settings.EMBEDDED_POSTGRES, "valkey": settings.EMBEDDED_VALKEY}
    started = embedded.up(settings.HOME, **ours, die_with_parent=True)
    try:
        yield
    finally:
        connections.close_all()
        embedded.down(settings.HOME, postgres="postgres" in started, valkey="valkey" in started)


@contextmanager
def throw_away_database(*, keep: bool = False) -> Iterator[None]:
    """Make an empty database beside the real one, work in it, drop it.

    keep: leave it in the end, and begin with the one that was left, if there is one.
    """
    connection.settings_dict["TEST"]["NAME"] = DATABASE
    real = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False, keepdb=keep)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(real, verbosity=0, keepdb=keep)


@contextmanager
def web_server(folder: Path) -> Iterator[int]:
    """Serve the throw-away database with gunicorn, as `manage.py run` does; yield the port."""
    call_command("collectstatic", interactive=False, verbosity=0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", "2", "--threads", "8"]
    argv = [sys.executable, "-m", "gunicorn", "dmsearch.wsgi:application", "--no-control-socket", *options]
    with _process(argv, log=folder / "web.log") as process:
        _wait(process, lambda: _answers(port), log=folder / "web.log")
        yield port


@contextmanager
def query_worker(folder: Path, *, index: VectorIndex) -> Iterator[None]:
    """Run a query worker of our own and wait until it answers."""
    settings.QUERY_TIMEOUT_S = PATIENCE_S
    argv = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-n", "bench@%h", "-Q", "query"]
    argv += ["--pool=threads", "-c", "8", "--without-gossip", "--without-mingle"]
    with _process(argv, log=folder / "query.log") as process:
        _wait(process, lambda: _encodes(index), log=folder / "query.log")
        yield


@contextmanager
def embed_worker(folder: Path, *, number: int) -> Iterator[None]:
    """Run an embed worker of our own, as nice as `manage.py run` makes it."""
    argv = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-n", f"bench-embed-{number}@%h"]
    argv += ["-Q", "embed", "--pool=solo", "--without-gossip", "--without-mingle"]
    with _process(["nice", "-n", "10", *argv], log=folder / f"embed-{number}.log"):
        yield


def wait_for(is_so: Callable[[], bool], *, what: str) -> None:
    until = time.monotonic() + START_S
    while not is_so():
        if time.monotonic() > until:
            raise ServerFailed(f"Waited {START_S:.0f} s for {what}.")
        time.sleep(0.2)


def forget_vectors(queries: Sequence[str], *, index: VectorIndex) -> None:
    """Drop the vectors that the cache holds for `queries`, however they are read."""
    texts = {index.card.query_text(query, intent) for query in queries for intent in Intent}
    encoding.connection().delete(*(encoding.cache_key(index, text) for text in texts))


def session_cookie() -> str:
    """Sign in a manager of the throw-away database; return what the browser would send."""
    person, _ = User.objects.get_or_create(username="bench")
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


@contextmanager
def _process(argv: list[str], *, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "DATABASE_URL": _database_url(), "HTTPS": "false", "QUERY_TIMEOUT_S": str(PATIENCE_S)}
    with log.open("wb") as output:
        process = subprocess.Popen(argv, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _database_url() -> str:
    parts = connection.settings_dict
    login = quote(parts["USER"]) + (f":{quote(parts['PASSWORD'])}" if parts["PASSWORD"] else "")
    port = f":{parts['PORT']}" if parts["PORT"] else ""
    return f"postgres://{login}@{quote(str(parts['HOST']), safe='')}{port}/{DATABASE}"


def _wait(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], *, log: Path) -> None:
    until = time.monotonic() + START_S
    while not is_ready():
        if process.poll() is not None or time.monotonic() > until:
            raise ServerFailed(f"A process did not come up. Its last words:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _encodes(index: VectorIndex) -> bool:
    try:
        encoding.encode_query(f"Is the query worker there at {time.monotonic()}?", Intent.QA, index=index)
    except encoding.EncoderUnavailable:
        return False
    return True
