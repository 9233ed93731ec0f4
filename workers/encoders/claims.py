"""One device a process: whoever comes takes the first that is free, and holds it while it lives."""

import fcntl
import os
from collections.abc import Sequence
from typing import TextIO

from apps.retrievers.calibrations import cache_folder

_held: list[TextIO] = []  # a lock lasts as long as its file is open


def claim(names: Sequence[str]) -> int:
    """Take the first of the devices that is free and return its place; where all are taken, share one."""
    for index, name in enumerate(names):
        path = cache_folder() / "devices" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        _held.append(file)
        return index
    return os.getpid() % len(names)
