import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """The message tells the other's pid and address."""


@contextmanager
def only_one(path: Path, *, address: str) -> Iterator[None]:
    """Hold `path` for the time of the block; raise AlreadyRunning when somebody does."""
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            file.seek(0)
            raise AlreadyRunning(file.read() or "it is just starting") from taken
        file.truncate(0)
        file.write(f"pid {os.getpid()}, {address}")
        file.flush()
        yield
        file.truncate(0)
