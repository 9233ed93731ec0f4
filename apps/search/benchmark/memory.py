"""How much memory and processor time processes take while something goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

_EVERY_S = 0.5


class Peak:
    """Looks twice a second and keeps the highest figure, in bytes."""

    def __init__(self, look: Callable[[], int]) -> None:
        self.bytes = 0
        self._look = look
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peak", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self.bytes = max(self.bytes, self._look())
            if self._over.wait(_EVERY_S):
                return


def shared_out(pids: Iterable[int]) -> int:
    """Return the memory of some processes; what several of them share is counted once."""
    return sum(_of(pid, "Pss") for pid in pids)


def own(pid: int) -> int:
    """Return the memory of a process without the files that it maps."""
    return _of(pid, "Pss_Anon") + _of(pid, "Pss_Shmem")


def cpu_seconds(pid: int, *, with_ended_children: bool = False) -> float:
    """Return the processor seconds of a process so far, or with those of the children that it has outlived."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    used = fields[11:15] if with_ended_children else fields[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def _of(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # it has just ended
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
