"""Files of JSON lines that a run appends to, and that a killed run goes on with."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

_TAIL = 1 << 16


class Journal:
    """One JSON object a line, each written whole before the next; the half line of a killed run is cut off."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()
        _cut_half_line(path)

    def append(self, fields: Mapping[str, Any]) -> None:
        line = json.dumps(fields, ensure_ascii=False) + "\n"
        with self._path.open("ab", buffering=0) as file:
            file.write(line.encode())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with self._path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


@contextmanager
def run_folder(folder: Path, settings: Mapping[str, Any]) -> Iterator[Path]:
    """Open the folder of a run: a new one, or one that was begun with the same settings.

    Raises ValueError where the settings differ from those it was begun with, or another process is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{folder}: another run is at work here.") from error
        _check_settings(folder / "settings.json", settings)
        yield folder


@contextmanager
def new_files(folder: Path, names: Sequence[str]) -> Iterator[dict[str, IO[str]]]:
    """Open `{name}.jsonl` for writing; the files appear under their names once all is written."""
    parts = {name: folder / f"{name}.jsonl.part" for name in names}
    with ExitStack() as stack:
        yield {name: stack.enter_context(part.open("w", encoding="utf-8")) for name, part in parts.items()}
    for name, part in parts.items():
        part.replace(folder / f"{name}.jsonl")


def write_line(file: IO[str], fields: Mapping[str, Any]) -> None:
    file.write(json.dumps(fields, ensure_ascii=False) + "\n")


def write_json(path: Path, content: object) -> None:
    """Write a JSON file that is there whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        state = blake2b(digest_size=8)
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def _check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    wanted = json.loads(json.dumps(settings))
    if not path.exists():
        write_json(path, wanted)
        return
    begun = json.loads(path.read_text(encoding="utf-8"))
    changed = sorted(key for key in {*begun, *wanted} if begun.get(key) != wanted.get(key))
    if changed:
        told = ", ".join(f"{key} {begun.get(key)!r} (now {wanted.get(key)!r})" for key in changed)
        raise ValueError(
            f"{path.parent} was begun with other files or settings. Go on with those, or choose another folder: {told}."
        )


def _cut_half_line(path: Path) -> None:
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _TAIL)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
