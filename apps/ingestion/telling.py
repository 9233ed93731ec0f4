"""A job's progress on a terminal, and its outcome as one record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from apps.ingestion.models import Job
from apps.ingestion.progress import Progress, progress
from apps.pages.templatetags.durations import lasting

_WIDTH = 24
# Between the lines of a log, where no line can be written over.
_LOG_EVERY_S = 5.0


class Teller:
    """Writes one line over and over on a terminal, and a line now and then where output is kept."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._overwrites = stream.isatty()
        self._told_at = float("-inf")
        self._last = ""

    def tell(self, line: str) -> None:
        if line == self._last:
            return
        if self._overwrites:
            self.stream.write(f"\r\x1b[K{line}")
        elif time.monotonic() - self._told_at >= _LOG_EVERY_S:
            self.stream.write(f"{line}\n")
        else:
            return
        self.stream.flush()
        self._told_at, self._last = time.monotonic(), line

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self.stream.write(f"\r\x1b[K{line}\n" if self._overwrites else f"{line}\n")
        self.stream.flush()
        self._last = ""

    @contextmanager
    def open(self) -> Iterator[Teller]:
        """End the line that was written over, however the work ends."""
        try:
            yield self
        finally:
            if self._overwrites and self._last:
                self.stream.write("\n")


def line(seen: Progress) -> str:
    """Return how far a job is, on one line."""
    if seen.is_reading:
        parts = [_bar(seen.ended, seen.items), f"{seen.ended:,}/{seen.items:,} files", f"{seen.passages:,} passages"]
        parts += [f"{seen.passages_per_s:,.0f}/s"] if seen.passages else []
        left = seen.reading_left
    else:
        parts = [_bar(seen.embedded, seen.passages), f"{seen.embedded:,}/{seen.passages:,} passages embedded"]
        left = seen.embedding_left
    parts += [f"{seen.failed:,} failed"] if seen.failed else []
    parts += [f"about {lasting(left)} left"] if left else []
    return "  ".join(parts)


def summary(job: Job, *, seconds: float) -> dict[str, Any]:
    """Return what came of a job, for programs. seconds: since it was asked for."""
    seen = progress(job)
    failed = job.items.bad().values_list("name", "reason")
    return {
        "job": job.pk,
        "files": seen.items,
        "documents": seen.documents,
        "passages": seen.passages,
        "duplicates": seen.duplicates,
        "bad_rows": seen.bad_rows,
        "failed": [{"name": name, "reason": reason} for name, reason in failed],
        "seconds": round(seconds, 2),
        "passages_per_s": round(seen.passages / seconds, 1) if seconds else 0.0,
        "embedded": seen.embedded,
    }


def in_words(outcome: dict[str, Any]) -> str:
    """Return a summary as people read it."""
    lines = [
        f"{outcome['files']:,} files, {outcome['documents']:,} documents, {outcome['passages']:,} passages "
        f"({outcome['passages_per_s']:,.0f} a second), {outcome['embedded']:,} embedded, in {lasting(outcome['seconds'])}."
    ]
    if outcome["duplicates"]:
        lines.append(f"{outcome['duplicates']:,} already there.")
    if outcome["bad_rows"]:
        lines.append(f"{outcome['bad_rows']:,} rows left out; the page of the upload lists them by number.")
    lines += [f"FAILED {each['name']}: {each['reason']}" for each in outcome["failed"]]
    return "\n".join(lines)


def _bar(done: int, total: int) -> str:
    filled = round(_WIDTH * done / total) if total else 0
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}]"
