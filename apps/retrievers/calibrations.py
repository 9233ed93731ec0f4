"""What was measured of a model's backends on this machine: written by the encoders, shown by doctor."""

import json
import logging
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from apps.retrievers.card import RetrieverCard

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Texts a second by backend: passages of 256 tokens in bulk, queries of 12 tokens one by one."""

    machine: str
    passages: dict[str, float]
    queries: dict[str, float]

    def fastest(self, workload: str) -> str:
        """Return the backend for "passages" or "queries"."""
        rates: dict[str, float] = getattr(self, workload)
        return max(rates, key=lambda backend: rates[backend])


def cache_folder() -> Path:
    """Where graphs and measurements of this machine are kept: $DMSEARCH_CACHE or ~/.cache/dmsearch."""
    return Path(os.environ.get("DMSEARCH_CACHE") or "~/.cache/dmsearch").expanduser()


def this_machine() -> str:
    """Name the processor and how many of its cores we may use: another machine measures anew."""
    return f"{_processor()} × {usable_cores()}"


def usable_cores() -> int:
    """Count the cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_calibration(card: RetrieverCard, revision: str) -> Calibration | None:
    """Return what was measured on this machine, or None where nothing was."""
    kept = read_measured(calibration_file(card, revision))
    return Calibration(**kept) if kept else None


def write_calibration(card: RetrieverCard, revision: str, calibration: Calibration) -> None:
    write_measured(calibration_file(card, revision), asdict(calibration))


def read_measured(path: Path) -> dict[str, Any] | None:
    """Return what `write_measured` kept; None where that was another machine, nothing, or the file is damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        log.warning("%s is damaged: what it held is measured anew", path)
        return None
    return kept if kept.get("machine") == this_machine() else None


def write_measured(path: Path, measured: dict[str, Any]) -> None:
    """Keep figures whose "machine" is this one; a reader sees the old ones or the new ones, never half of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(measured, indent=2), encoding="utf-8")
    unfinished.replace(path)


def calibration_file(card: RetrieverCard, revision: str) -> Path:
    return cache_folder() / card.name / revision / "calibration.json"


def _processor() -> str:
    """Return the model's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
