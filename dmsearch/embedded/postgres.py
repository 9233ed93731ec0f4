import shutil
import signal
from pathlib import Path

import psycopg
from psycopg import sql

from dmsearch.embedded import preflight, programs
from dmsearch.embedded.accounts import Account
from dmsearch.embedded.binaries import POSTGRES
from dmsearch.embedded.errors import ServiceError
from dmsearch.embedded.folders import write_for
from dmsearch.embedded.options import StartOptions
from dmsearch.embedded.paths import DATABASE, DATABASE_USER, POSTGRES_PORT, POSTGRES_SOCKET, Home
from dmsearch.embedded.status import ServerStatus, how_to_mend, size_of

_START_SECONDS = 300  # replaying the log after a crash in mid-load takes its time
_STOP_SECONDS = 8
_SURVIVOR_SECONDS = 15  # a backend notices at once that its postmaster died, unless it is computing

# For a laptop. What is set by ALTER SYSTEM wins over this file.
_SETTINGS = """\
listen_addresses = ''                  # the Unix socket alone: this build has no TLS
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
port = 5432
max_connections = 100
shared_buffers = 256MB
maintenance_work_mem = 512MB           # the HNSW graph of 100,000 halfvec(384) is built in memory
work_mem = 16MB
effective_cache_size = 2GB
random_page_cost = 1.1                 # solid-state disks
dynamic_shared_memory_type = mmap      # containers give /dev/shm 64 MB: too little for a parallel build
max_wal_size = 2GB                     # fewer checkpoints in bulk loads
checkpoint_timeout = 15min
log_checkpoints = off
synchronous_commit = on
timezone = 'UTC'
log_timezone = 'UTC'
"""
_NOT_DURABLE = """\
fsync = off
full_page_writes = off
"""


class Postgres:
    """A PostgreSQL with pgvector that belongs to one state folder."""

    name = "postgres"

    def __init__(self, home: Home, *, cpu: preflight.Cpu | None = None) -> None:
        self.home = home
        self._cpu = cpu

    @property
    def data(self) -> Path:
        return self._folder / "postgres"

    @property
    def log(self) -> Path:
        return self._folder / "postgres.log"

    def pid(self) -> int | None:
        return programs.find(self.data / "postmaster.pid", name="postgres", folder=self.data)

    def is_ready(self) -> bool:
        """Tell whether our database answers."""
        try:
            self._connect(DATABASE).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, account: Account, options: StartOptions) -> None:
        """Start it; it must not be running."""
        postgres = POSTGRES.program_for(account, copies=self._folder)
        self._prepare(postgres, account, durable=options.durable)
        self._clear_leftovers()
        settings = _SETTINGS.format(sockets=self.home.sockets.resolve())
        write_for(account, self.data / "dmsearch.conf", settings + ("" if options.durable else _NOT_DURABLE))
        if options.die_with_parent:
            self._start_tied(postgres, account)
        else:
            self._start_daemon(postgres, account)

    def finish(self) -> None:
        """Wait until it answers, and make the database if it is not there yet."""
        if not programs.wait_until(self._answers, seconds=_START_SECONDS):
            raise self._error(f"runs (pid {self.pid()}) but does not answer")
        with self._connect("postgres") as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                name = sql.Identifier(DATABASE)
                connection.execute(sql.SQL("CREATE DATABASE {}").format(name))

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it if it runs; open transactions are rolled back. Stopped `at_once`, it will recover at its start."""
        for sent in (signal.SIGQUIT,) if at_once else (signal.SIGINT, signal.SIGQUIT):
            pid = self.pid()
            if pid is None or programs.stop(
                pid, sent=sent, is_running=lambda: self.pid() is not None, seconds=_STOP_SECONDS
            ):
                return
        raise self._error(f"does not stop (pid {self.pid()})")

    def status(self) -> ServerStatus:
        pid, version = self.pid(), self._version()
        running, reachable = pid is not None, bool(version)
        return ServerStatus(
            name=self.name,
            running=running,
            reachable=reachable,
            pid=pid,
            version=version,
            data_bytes=size_of(self.data),
            log=self.log,
            mend=how_to_mend(running=running, reachable=reachable, log=self.log),
        )

    @property
    def _folder(self) -> Path:
        """Without the link: the account may be unable to follow it."""
        return self.home.servers.resolve()

    def _prepare(self, postgres: Path, account: Account, *, durable: bool) -> None:
        """Make the data folder, and try pgvector once for each wheel and CPU in a fresh one."""
        cpu = self._cpu or preflight.this_cpu()
        preflight.check_flags(cpu)
        record = self._folder / "cpu-preflight.json"
        if self.data.exists() and preflight.passed_before(record, cpu):
            return
        scratch = self._init_scratch(postgres, account, durable=durable)
        preflight.probe(postgres, scratch, account=account)
        write_for(account, record, preflight.to_remember(cpu))
        if self.data.exists():
            shutil.rmtree(scratch)
        else:
            scratch.rename(self.data)

    def _init_scratch(self, postgres: Path, account: Account, *, durable: bool) -> Path:
        scratch = self._folder / "postgres.scratch"
        if scratch.exists():  # of a start that was cut short
            shutil.rmtree(scratch)
        options = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8", "--no-instructions")
        # Whoever can enter the private folder of the socket may come in: nobody else can.
        access = ("--auth-local=trust", "--auth-host=reject", f"--username={DATABASE_USER}")
        argv = (
            postgres.with_name("initdb"),
            "--pgdata",
            scratch,
            *options,
            *access,
            *(() if durable else ("--no-sync",)),
        )
        if programs.run(account, argv, log=self.log, seconds=120) != 0:
            raise self._error("could not make its data folder")
        with (scratch / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("include 'dmsearch.conf'\n")
        write_for(account, scratch / "dmsearch.conf", "")
        return scratch

    def _clear_leftovers(self) -> None:
        """Remove the lock files of a killed postmaster: they may name a zombie, or anyone by now.

        Only when nothing of it is left in the data folder: two servers on one folder destroy it.
        """
        if not programs.wait_until(lambda: not self._survivors(), seconds=_SURVIVOR_SECONDS):
            pids = ", ".join(map(str, self._survivors()))
            raise ServiceError(
                self.name,
                f"processes of a killed server are still at work in {self.data}: {pids}",
                remedy=f"wait for them or end them (kill {pids}), then try again.",
            )
        socket = self.home.sockets.resolve() / POSTGRES_SOCKET
        for left in (self.data / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
            left.unlink(missing_ok=True)

    def _survivors(self) -> list[int]:
        return programs.all_in(self.data, name="postgres")

    def _start_daemon(self, postgres: Path, account: Account) -> None:
        pg_ctl = postgres.with_name("pg_ctl")
        argv = (pg_ctl, "start", "-w", "-t", str(_START_SECONDS))
        # By environment: pg_ctl hands what is on its command line to a shell.
        where = {"PGDATA": str(self.data)}
        if programs.run(account, argv, log=self.log, seconds=_START_SECONDS + 10, environment=where) != 0:
            raise self._error("did not start")

    def _start_tied(self, postgres: Path, account: Account) -> None:
        argv = (postgres, "-D", self.data)
        runs = programs.start_tied(account, argv, log=self.log, sent=signal.SIGINT)
        programs.wait_until(lambda: self._answers() or not runs(), seconds=_START_SECONDS)
        if not runs():
            raise self._error("did not start")

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _version(self) -> str:
        query = """
            SELECT current_setting('server_version') || ', pgvector ' || default_version
            FROM pg_available_extensions WHERE name = 'vector'
        """
        try:
            with self._connect(DATABASE) as connection:
                row = connection.execute(query).fetchone()
        except psycopg.OperationalError:
            return ""
        return str(row[0]) if row else ""

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.home.sockets),
            port=POSTGRES_PORT,
            dbname=database,
            options="",  # not those of PGOPTIONS
            user=DATABASE_USER,
            connect_timeout=5,
            autocommit=True,
        )

    def _error(self, what: str) -> ServiceError:
        remedy = f"mend what the log says and try again, or {POSTGRES.instead}"
        return ServiceError(self.name, what, remedy=remedy, log=self.log)
