"""How much memory and processor time processes take while something goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from dmsearch.repeating import Repeating

_EVERY_S = 0.5


class Peak(Repeating):
    """Looks at once and then twice a second, and keeps the highest figure, in bytes."""

    def __init__(self, look: Callable[[], int]) -> None:
        super().__init__(self._note, every=_EVERY_S, name="peak")
        self.bytes = 0
        self._look = look

    def __enter__(self) -> Self:
        self._note()
        return super().__enter__()

    def _note(self) -> None:
        self.bytes = max(self.bytes, self._look())


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
