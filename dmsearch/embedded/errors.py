from pathlib import Path

TAIL_LINES = 8


class ServiceError(Exception):
    """A server cannot be started, reached or stopped; the message says which, why and the way out."""

    def __init__(self, server: str, what: str, *, remedy: str, log: Path | None = None) -> None:
        tail = log_tail(log) if log else ""
        parts = [f"{server}: {what}"]
        if tail:
            parts.append(f"The end of {log}:\n{tail}")
        parts.append(f"What to do: {remedy}")
        super().__init__("\n".join(parts))
        self.server = server


def log_tail(log: Path, *, lines: int = TAIL_LINES) -> str:
    """Return the last lines of `log`, indented; empty when there is no such file."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
