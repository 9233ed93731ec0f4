import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections

from dmsearch import embedded, ports
from dmsearch.only_one import AlreadyRunning, only_one
from dmsearch.processes import Program, Supervisor

_MANAGE = (sys.executable, str(settings.BASE_DIR / "manage.py"))
_CELERY = (sys.executable, "-m", "celery", "-A", "workers.app")
_WATCH_SECONDS = 2.0


class Command(BaseCommand):
    help = "Start everything: servers, database, web and workers. Ctrl-C stops all of it."
    requires_system_checks = ()  # the servers they may ask are started here

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))

        parser.add_argument(
            "--without", action="append", default=[], choices=("training", "exercise"), help="leave this out"
        )

    def handle(self, *, host: str, port: int, without: list[str], **_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is then stopped
        self.url = f"http://{host}:{port}/"
        self.ours = {"postgres": settings.EMBEDDED_POSTGRES, "valkey": settings.EMBEDDED_VALKEY}
        state: Path = settings.HOME.path
        state.mkdir(parents=True, exist_ok=True)
        try:
            with only_one(state / "run.lock", address=self.url):
                self._refuse_taken_port(host, port)
                self._name_metrics()
                with self._services():
                    self._prepare()
                    status = self._supervise(host, port, without=without)
        except AlreadyRunning as other:
            raise CommandError(f"dmsearch is already running on {state}: {other}") from other
        except embedded.ServiceError as failure:
            raise CommandError(str(failure)) from failure
        except OperationalError as failure:
            raise CommandError(
                f"the database does not answer: {failure}\nSee to the server at DATABASE_URL."
            ) from failure
        except KeyboardInterrupt:
            status = 0
        self._say("stopped.")
        sys.exit(status)

    def _refuse_taken_port(self, host: str, port: int) -> None:
        try:
            holder = ports.holder_of(host, port)
        except OSError as failure:
            raise CommandError(
                f"cannot listen on {host}:{port}: {failure.strerror}. Try `PORT=8001 make run`."
            ) from failure
        if holder:
            raise CommandError(
                f"port {port} is taken by {holder}. Stop it, or take another port: `PORT={port + 1} make run`."
            )

    @contextmanager
    def _services(self) -> Iterator[None]:
        """Bring the embedded servers up; in the end stop those that were not up before."""
        started = self._up()
        try:
            yield
        finally:
            connections.close_all()
            embedded.down(settings.HOME, postgres="postgres" in started, valkey="valkey" in started)

    def _up(self) -> list[str]:
        return embedded.up(settings.HOME, **self.ours, die_with_parent=True)

    def _name_metrics(self) -> None:
        """Give the web processes a folder where their counts meet; gunicorn.conf.py makes and empties it."""
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.HOME.path / "metrics")

    def _prepare(self) -> None:
        """Do what the web cannot start without."""
        self._say("bringing the database up to date")
        call_command("migrate", interactive=False, verbosity=0)
        for name in ("ensure_index", "ensure_admin"):
            if name in get_commands():
                call_command(name)
        self._collect_static()
        connections.close_all()

    def _collect_static(self) -> None:
        """Collect the static files, unless they are those of the last time."""
        stamp = Path(settings.STATIC_ROOT) / ".collected"
        wanted = _fingerprint_of_static()
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(wanted, encoding="utf-8")

    def _supervise(self, host: str, port: int, *, without: list[str]) -> int:
        supervisor = Supervisor(logs=settings.HOME.path / "logs", say=self._say)
        here = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not listened on
        return supervisor.run(
            [_web(host, port)],
            [
                *_workers(settings.HOME.path),
                *(each for each in (*_training(), *_exercise()) if each.name not in without),
            ],
            is_ready=lambda: ports.answers(here, port, "/healthz"),
            announce=lambda: self._say(f"ready: {self.url}  (Ctrl-C stops all of it)"),
            tick=self._watch_services(),
        )

    def _watch_services(self) -> Callable[[], None]:
        """Return a function that starts an embedded server again when it has died."""
        next_look = 0.0

        def look() -> None:
            nonlocal next_look
            if time.monotonic() < next_look:
                return
            next_look = time.monotonic() + _WATCH_SECONDS
            try:
                if embedded.fallen(settings.HOME, **self.ours):
                    for name in self._up():
                        self._say(f"{name:<9}| had died; started again")
            except embedded.ServiceError as failure:
                self._say(str(failure))
                next_look += 10 * _WATCH_SECONDS

        return look

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _web(host: str, port: int) -> Program:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = (
        "--worker-class",
        "gthread",
        "--workers",
        "2",
        "--threads",
        "8",
        "--graceful-timeout",
        "3",
        "--no-control-socket",
    )
    argv = (sys.executable, "-m", "gunicorn", "dmsearch.wsgi:application", "--bind", address, *options)
    return Program(name="web", argv=argv, essential=True)


def _workers(state: Path) -> list[Program]:
    return [
        _worker("query", "--pool=threads", "-c", "8", queues="query,lists"),
        _worker("ingest", "--pool=prefork", "-c", "1"),
        # Apart, so that no long file holds up the reaper; in threads, so that no graph in the making does.
        _worker("maintenance", "--pool=threads", "-c", "4"),
        _worker("embed", "--pool=solo", nice=10),
        Program(
            name="beat",
            argv=(*_CELERY, "beat", "--loglevel", "INFO", "--schedule", str(state / "beat-schedule"), "--pidfile="),
        ),
    ]


def _worker(name: str, *options: str, queues: str = "", nice: int = 0) -> Program:
    quiet = ("--without-gossip", "--without-mingle")  # the workers need not know each other
    argv = (*_CELERY, "worker", "-n", f"{name}@%h", "-Q", queues or name, *options, *quiet)
    return Program(name=name, argv=argv, nice=nice)


def _training() -> list[Program]:
    """Runs last for hours: they are rows that one process takes up, not messages that a broker would send again."""
    if "adapt" not in get_commands():
        return []
    return [Program(name="training", argv=(*_MANAGE, "adapt", "--watch"), nice=15)]


def _exercise() -> list[Program]:
    """The exercise corpus loads beside the web, which does not wait for it."""
    if "load_exercise" not in get_commands():
        return []
    return [Program(name="exercise", argv=(*_MANAGE, "load_exercise", "--unless-removed"), nice=5, once=True)]


def _fingerprint_of_static() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name} {found.st_mtime_ns} {found.st_size}\n".encode())
    return digest.hexdigest()
