"""Where a measurement comes from: when, on which machine, by which command, of which commit."""

import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path


def origin() -> dict[str, str]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "command": shlex.join(["python", "-m", "workers.evaluation", *sys.argv[1:]]),
        "commit": _commit(),
    }


def written_at(path: Path) -> str:
    """Return when a file was last written: all that older results tell of their origin."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    return f"{os.cpu_count()} cores, {names[0] if names else platform.processor() or platform.machine()}"


def _commit() -> str:
    """Return the commit that is checked out, short; empty outside a clone."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:  # no git on this machine
        return ""
    return found.stdout.strip()
