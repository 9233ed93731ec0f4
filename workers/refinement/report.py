"""The reports of finished and unfinished runs, for people."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def markdown(folder: Path) -> str:
    """Return what a run's folder tells of it, as Markdown. Raises OSError where it is no such folder."""
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    lines = [f"# {settings['command']}: {folder.name}", ""]
    report = folder / "report.json"
    if report.exists():
        lines += _lines(json.loads(report.read_text(encoding="utf-8")))
    else:
        progress = folder / "progress.json"
        state = json.loads(progress.read_text(encoding="utf-8")) if progress.exists() else {"stage": "not begun"}
        lines += ["Not finished; begin it again with the same command and it goes on.", "", *_lines(state)]
    return "\n".join([*lines, "", "## Settings", "", *_lines(settings)])


def _lines(fields: Mapping[str, Any], *, depth: int = 0) -> Iterator[str]:
    for name, value in fields.items():
        mark = f"{'  ' * depth}- {name if '.' in name else name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield mark
            yield from _lines(value, depth=depth + 1)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield mark
            for each in value:
                yield from _lines(each, depth=depth + 1)
        else:
            yield f"{mark}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
