from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerStatus:
    name: str
    running: bool
    reachable: bool
    pid: int | None
    #: Of the server and its extensions; empty while it cannot be asked.
    version: str
    data_bytes: int
    log: Path
    #: What to do about it; empty when all is well.
    mend: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "log": str(self.log)}


def size_of(folder: Path) -> int:
    """Return the bytes of all files below `folder`, which may come and go meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def how_to_mend(*, running: bool, reachable: bool, log: Path) -> str:
    if reachable:
        return ""
    if running:
        return f"it does not answer: read {log}, then `manage.py services down` and `up`"
    return "`manage.py services up`"
