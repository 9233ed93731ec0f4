"""What the refinement in a run's folder came to: what it kept, what it dropped and why, and its files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_DROPPED = "dropped: "


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one kind, intent or level."""

    group: str
    kept: int
    dropped: Mapping[str, int]  #: by reason


@dataclass(frozen=True, slots=True)
class Part:
    """One step of the refinement."""

    title: str
    group: str  #: what its rows are
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def kept(self) -> int:
        return sum(row.kept for row in self.rows)


def parts(out: Path) -> list[Part]:
    """Return the steps that are done in the folder `out` of a run, in order."""
    found = []
    for name, read in (("pairs", _pairs), ("synthesize", _synthesis), ("agree", _agreement)):
        if report := _report(out / name):
            found.append(read(report))
    for folder in sorted((out / "mine").glob("*")):
        if report := _report(folder):
            found.append(_mining(report, folder.name))
    return found


def training_files(out: Path) -> list[Path]:
    """Return the files of examples that can be trained on: by kind and level."""
    return [path for path in sorted((out / "mine").glob("*/level-*.jsonl")) if path.stat().st_size]


def count_examples(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in training_files(out))


def write_archive(out: Path, file: IO[bytes]) -> None:
    """Write the training files, what was dropped on the way, and the reports as one ZIP."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (*training_files(out), *_beside(out)):
            archive.write(path, path.relative_to(out))


def _beside(out: Path) -> Iterator[Path]:
    steps = [out / "pairs", out / "synthesize", out / "agree", *sorted((out / "mine").glob("*"))]
    names = ("pairs.jsonl", "examples.jsonl", "agreed.jsonl", "dropped.jsonl", "report.json")
    return (path for step in steps for name in names if (path := step / name).is_file())


def _report(folder: Path) -> dict[str, Any] | None:
    path = folder / "report.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _pairs(report: Mapping[str, Any]) -> Part:
    notes = (f"{report['documents']:,} documents were read.",)
    return Part("Pairs made of the documents", "Kind", _outcomes(report["outcomes"]), notes)


def _synthesis(report: Mapping[str, Any]) -> Part:
    tokens = report["tokens"]
    notes = [f"{tokens['prompt']:,} tokens read and {tokens['completion']:,} written, cost {report['cost']:.2f}."]
    if report["stopped"]:
        notes.append(f"It stopped early: {report['stopped']}")
    return Part("Written by the language model", "Intent", _outcomes(report["outcomes"]), tuple(notes))


def _agreement(report: Mapping[str, Any]) -> Part:
    rows = tuple(
        Row(intent, counts["kept"], _some({"too few retrievers find it": counts["all"] - counts["kept"]}))
        for intent, counts in report["positives"].items()
    )
    notes = [f"{name} finds {100 * share:.0f} % of the positives." for name, share in report["found_good"].items()]
    for pair in report["pairs"]:
        kappa = "" if pair["kappa"] is None else f" (Cohen's kappa {pair['kappa']:.2f})"
        notes.append(f"{' and '.join(pair['retrievers'])} say the same of {100 * pair['same']:.0f} %{kappa}.")
    return Part("Agreed on by the retrievers", "Intent", rows, tuple(notes))


def _mining(report: Mapping[str, Any], kind: str) -> Part:
    rows = []
    for level, counts in report["levels"].items():
        dropped = {key.removeprefix(_DROPPED): count for key, count in counts.items() if key.startswith(_DROPPED)}
        rows.append(Row(level.replace("-", " ").capitalize(), counts.get("kept", 0), dropped))
    return Part(f"Hard negatives found: {kind}", "Level of difficulty", tuple(rows))


def _outcomes(outcomes: Mapping[str, Mapping[str, int]]) -> tuple[Row, ...]:
    return tuple(
        Row(group, counts.get("kept", 0), {reason: count for reason, count in counts.items() if reason != "kept"})
        for group, counts in outcomes.items()
    )


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}
