"""Running programs: find the one that a pid file names, wait for it, stop it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import psutil

from dmsearch.embedded.accounts import Account
from dmsearch.embedded.lifetime import ends_with_parent

# Not the caller's environment: PGDATA, PGOPTIONS or LANG in it would change what the servers do.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
_COULD_NOT_RUN = 126  # as a shell says it
_LOG_LIMIT = 10_000_000  # bytes

#: Servers that end with us: kept, as a Popen that is forgotten while its child runs complains.
_tied: list[subprocess.Popen[bytes]] = []


def run(
    account: Account,
    argv: Sequence[str | Path],
    *,
    log: Path,
    seconds: float,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Run `argv` to its end as `account`, its output added to `log`; return the exit status.

    The output goes to a file because a server left behind would hold a pipe open for ever.
    """
    with open_log(log, account) as output:
        options = _popen_options(account, output, environment=environment)
        try:
            return subprocess.run([str(part) for part in argv], timeout=seconds, check=False, **options).returncode
        except (OSError, subprocess.TimeoutExpired) as failure:  # a folder mounted noexec, a disk that hangs
            output.write(f"{failure}\n".encode())
            return _COULD_NOT_RUN


def start_tied(account: Account, argv: Sequence[str | Path], *, log: Path, sent: signal.Signals) -> Callable[[], bool]:
    """Start `argv` as a child that gets `sent` when we end; return a way to ask if it still runs."""
    _tied[:] = [process for process in _tied if process.poll() is None]
    with open_log(log, account) as output:
        options = _popen_options(account, output)
        process = subprocess.Popen([str(part) for part in argv], preexec_fn=ends_with_parent(sent), **options)
    _tied.append(process)
    return lambda: process.poll() is None


def find(pid_file: Path, *, name: str, folder: Path) -> int | None:
    """Return the pid in `pid_file` if that is a live `name` working in `folder`, else None."""
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
        process = psutil.Process(pid)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    return pid if _works_in(process, name=name, folder=folder.resolve()) else None


def all_in(folder: Path, *, name: str) -> list[int]:
    """Return the pids of every live `name` that works in `folder`, whoever started it."""
    real = folder.resolve()
    return [each.pid for each in psutil.process_iter() if _works_in(each, name=name, folder=real)]


def stop(pid: int, *, sent: signal.Signals, is_running: Callable[[], bool], seconds: float) -> bool:
    """Send `sent` and wait; return whether the program ended in time."""
    try:
        os.kill(pid, sent)
    except ProcessLookupError:
        return True
    return wait_until(lambda: not is_running(), seconds=seconds)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Ask until `condition` holds; return False when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def open_log(log: Path, account: Account) -> BinaryIO:
    """Open `log` to add to it, owned by `account`; one that grew large is put aside first."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    file = os.fdopen(os.open(log, flags, mode=0o600), "ab")
    if not account.is_ours:
        os.fchown(file.fileno(), account.uid, account.gid)
    return file


def _popen_options(
    account: Account, output: BinaryIO, *, environment: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    return {
        "stdin": subprocess.DEVNULL,
        "stdout": output,
        "stderr": subprocess.STDOUT,
        "cwd": "/",
        "env": {**_ENVIRONMENT, **environment},
        "start_new_session": True,  # Ctrl-C is for us; we stop a server in our own time
        **account.popen_options(),
    }


def _works_in(process: psutil.Process, *, name: str, folder: Path) -> bool:
    """Both servers change to their data folder, which tells ours from any other of that name."""
    try:
        return process.name() == name and process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder)
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # gone, or somebody else's
        return False
