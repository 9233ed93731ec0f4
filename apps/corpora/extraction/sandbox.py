"""The parent's side of the child process: starts it, reads its lines as they come, says why it died."""

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from apps.corpora.extraction.records import ExtractionFailed, Limits, MiB
from apps.corpora.extraction.wire import Record, loads

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[3]
# -I: neither the environment nor the working folder can put code in the child's way.
_START = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from apps.corpora.extraction.child import main; main()"
_OUT_OF_MEMORY = 3  # child.OUT_OF_MEMORY; importing the child would import what it reads with
_BLOCK = 1 << 18


def run(request: dict[str, Any], *, limits: Limits) -> Iterator[Record]:
    """Yield the records that the child answers `request` with; raise ExtractionFailed where it did not end well."""
    with tempfile.TemporaryDirectory(prefix="dmsearch-read-") as folder, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, json.dumps({**request, "limits": asdict(limits)})],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "TMPDIR": folder, "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
        try:
            yield from _records(process, limits)
        except ExtractionFailed:
            _log(request, errors)
            raise
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _records(process: subprocess.Popen[bytes], limits: Limits) -> Iterator[Record]:
    for line in _lines(process, limits):
        record = loads(line)
        if not isinstance(record, dict):
            yield record
        elif "failed" in record:
            raise ExtractionFailed(record["failed"])
        else:
            return
    raise ExtractionFailed(_why_it_died(process.wait(), limits))


def _lines(process: subprocess.Popen[bytes], limits: Limits) -> Iterator[bytes]:
    """Yield whole lines; only the time spent waiting for the child counts against `wall_seconds`."""
    if process.stdout is None:
        raise RuntimeError("the child was started without a pipe")
    left = limits.wall_seconds
    longest = limits.document_characters * 6 + 64 * MiB
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            began = time.monotonic()
            ready = selector.select(max(0.0, left))
            left -= time.monotonic() - began
            if not ready:
                raise ExtractionFailed(
                    f"Reading this file took longer than {limits.wall_seconds:g} seconds, so it was stopped. "
                    "Split it and upload the parts."
                )
            block = os.read(process.stdout.fileno(), _BLOCK)
            if not block:
                return
            *ended, rest = block.split(b"\n")
            if ended:
                ended[0] = b"".join(parts) + ended[0]
                parts = []
                yield from ended
            parts.append(rest)
            if len(parts) * _BLOCK > longest and sum(map(len, parts)) > longest:
                raise ExtractionFailed("This file gives more text than one document may have.")


def _why_it_died(status: int, limits: Limits) -> str:
    if status == _OUT_OF_MEMORY:
        return (
            f"Reading this file needs more than the {limits.memory_bytes // MiB:,} MB of memory it may have. "
            "Split it and upload the parts."
        )
    if status == -signal.SIGXCPU:
        return (
            f"Reading this file took more than {limits.cpu_seconds} seconds of computing, so it was stopped. "
            "Split it, or save it anew from the program that made it."
        )
    if status == -signal.SIGKILL:
        return "The system stopped the reading of this file, most likely for want of memory. Try again later."
    return (
        "This file is damaged, or was made to break its readers: the reader gave up on it. "
        "Open it in the program that made it, save it anew and upload that."
    )


def _log(request: dict[str, Any], errors: IO[bytes]) -> None:
    errors.seek(0, os.SEEK_END)
    errors.seek(max(0, errors.tell() - 2000))
    last_words = errors.read().decode("utf-8", "replace").strip()
    if last_words:
        logger.warning("the reader of %s said: %s", request.get("name") or request["path"], last_words)
