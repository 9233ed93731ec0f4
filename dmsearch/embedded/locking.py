import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dmsearch.embedded.errors import ServiceError


@contextmanager
def exclusive(path: Path, *, seconds: float) -> Iterator[None]:
    """Hold the lock file `path`; the kernel lets go of it when the holder dies, however it dies."""
    with path.open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + seconds
        while not _locked(file.fileno()):
            if time.monotonic() > deadline:
                raise ServiceError(
                    "servers",
                    f"another process has been starting or stopping them for {seconds:.0f} s",
                    remedy=f"wait for it or end it (it holds {path}), then try again.",
                )
            time.sleep(0.05)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
