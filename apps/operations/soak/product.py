"""`manage.py run` on a state folder of its own, and ways to hit its processes."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from django.conf import settings

from dmsearch import ports
from dmsearch.embedded import Home
from dmsearch.embedded.lifetime import ends_with_parent
from dmsearch.embedded.paths import DATABASE_USER

START_S = 180.0
STOP_S = 30.0

# By what a process is known in its command line.
_MARKS = {
    "web": r"gunicorn",
    "beat": r"celery.* beat ",
    **{name: rf" -n {name}@%h" for name in ("query", "embed", "ingest", "maintenance")},
    "valkey": r"valkey-server",
    "backend": rf"^postgres: {DATABASE_USER} ",
    "postgres": r"^\S*/postgres .*-D",
}


class ProductFailed(Exception):
    """The product did not start, or ended by itself; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Product:
    home: Home
    port: int
    password: str  #: of the user "admin"
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.home.path / "run.log").read_text(errors="replace")

    def keep_logs(self) -> Path:
        """Copy all logs to where they stay when the product is taken away."""
        kept = Path(tempfile.mkdtemp(prefix="dmsearch-soak-logs-"))
        shutil.copy(self.home.path / "run.log", kept)
        shutil.copytree(self.home.path / "logs", kept, dirs_exist_ok=True)
        return kept

    def ask(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run one query on the product's database; psycopg.OperationalError while it is away."""
        where = self.home.database_settings()
        with psycopg.connect(
            host=where["HOST"], user=where["USER"], dbname=where["NAME"], connect_timeout=3
        ) as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def flush_broker(self) -> None:
        with redis.Redis.from_url(self.home.redis_url(db=0), socket_connect_timeout=2, socket_timeout=5) as broker:
            broker.flushall()

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Return what runs now, by the names people know: web, query, embed, ingest, maintenance, beat, servers, backend."""
        found: dict[str, list[psutil.Process]] = {}
        for child in self._all():
            try:
                name = _name_of(child.cmdline())
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if name:
                found.setdefault(name, []).append(child)
        return found

    def _all(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def _name_of(words: list[str]) -> str:
    line = " ".join(words)
    return next((name for name, mark in _MARKS.items() if re.search(mark, line)), "")


@contextmanager
def running(*, retriever: str, lease_s: float) -> Iterator[Product]:
    """Start the product, yield it once it is ready, end it as Ctrl-C does and take everything away."""
    folder = Path(tempfile.mkdtemp(prefix="dmsearch-soak-"))
    folder.chmod(0o711)  # root's servers run under another account
    password = secrets.token_urlsafe(12)
    port = ports.free_port()
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DMSEARCH_", "DJANGO_"))}
    for url in ("DATABASE_URL", "REDIS_URL", "MEDIA_ROOT", "HTTPS"):
        clean.pop(url, None)
    environment = {
        **clean,
        "DMSEARCH_HOME": str(folder),
        "DMSEARCH_ADMIN_PASSWORD": password,
        "RETRIEVER": retriever,
        **dict.fromkeys(("EMBED_LEASE_S", "READ_LEASE_S", "TEND_EVERY_S"), f"{lease_s:g}"),
    }
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "run", "--port", str(port)]
    command += ["--without", "training", "--without", "exercise"]  # nobody uses them here, and both take time to start
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=log,
            stderr=log,
            preexec_fn=ends_with_parent(signal.SIGTERM),
        )
    product = Product(Home(folder), port, password, process)
    try:
        _wait_until_ready(product)
        yield product
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(product: Product) -> None:
    until = time.monotonic() + START_S
    while "ready:" not in product.log:
        if product.process.poll() is not None or time.monotonic() > until:
            raise ProductFailed(f"The product did not start. Its last words:\n{product.log[-2000:]}")
        time.sleep(0.3)
