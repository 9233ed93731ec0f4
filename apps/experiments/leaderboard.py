"""The leaderboard: published figures and our own runs, told apart, by size class and intent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from apps.accounts.models import User
from apps.experiments.models import Run
from apps.retrievers.intents import Intent
from apps.retrievers.published import PUBLISHED_SET, published_results

AVERAGE = "average"
COLUMNS = (*map(str, Intent), AVERAGE)
SIZE_CLASSES = ("small", "medium", "large", "xl", "")
DAGGER = "†"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """NDCG@10 in percent."""

    score: float
    significant: bool = False  #: better than the baseline: p < 0.05, one-tailed Wilcoxon
    corrected: float | None = None  #: what the authors published later instead
    best: bool = False  #: of its column, among the rows shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    system: str
    figures: Literal["published", "measured"]
    size: str = ""  #: parameters as the authors write them; empty for our own
    size_class: str = ""  #: "" for a system without a model of the family
    search: str = ""  #: "exact" or "index"; empty for published figures
    measured_at: datetime | None = None
    command: str = ""
    machine: str = ""
    commit: str = ""
    cells: Mapping[str, Cell]  #: by intent, and "average"; an intent without queries has none

    @property
    def line(self) -> list[Cell | None]:
        """The cells in the order of the columns."""
        return [self.cells.get(column) for column in COLUMNS]

    @property
    def average(self) -> Cell:
        return self.cells[AVERAGE]


def sets(*, user: User) -> list[str]:
    """Return what there are figures for that `user` may see: the published set first."""
    ours = Run.objects.visible_to(user).order_by("set").values_list("set", flat=True).distinct()
    return [PUBLISHED_SET, *(name for name in ours if name != PUBLISHED_SET)]


def rows_of(name: str, *, user: User) -> list[Row]:
    """Return all that `user` may know of the set called `name`, in the order of the published table."""
    published = _published() if name == PUBLISHED_SET else []
    rows = [*published, *map(measured, Run.objects.visible_to(user).filter(set=name))]
    return sorted(rows, key=lambda row: (SIZE_CLASSES.index(row.size_class), row.average.score))


def sort(rows: Iterable[Row], *, by: str, descending: bool) -> list[Row]:
    """Sort by a column; rows without a score in it go last either way."""
    rows = list(rows)
    if by == "system":
        return sorted(rows, key=lambda row: row.system.lower(), reverse=descending)
    if by not in COLUMNS:
        return rows
    with_score = [row for row in rows if by in row.cells]
    with_score.sort(key=lambda row: row.cells[by].score, reverse=descending)
    return with_score + [row for row in rows if by not in row.cells]


def mark_best(rows: Sequence[Row]) -> list[Row]:
    """Mark the highest score of each column among `rows`."""
    top = {
        column: max((row.cells[column].score for row in rows if column in row.cells), default=0) for column in COLUMNS
    }
    return [
        replace(row, cells={name: replace(cell, best=cell.score == top[name]) for name, cell in row.cells.items()})
        for row in rows
    ]


def markdown(rows: Sequence[Row], *, name: str) -> str:
    """Write the table for a document: the best score of a column bold, † and later corrections beside."""
    lines = [
        f"NDCG@10 in percent on {name}. {DAGGER}: better than the baseline, p < 0.05, one-tailed Wilcoxon signed-rank.",
        "",
        f"| system | size | figures | {' | '.join(COLUMNS)} |",
        f"|{'---|' * (3 + len(COLUMNS))}",
    ]
    for row in rows:
        cells = map(_text, row.line)
        lines.append(
            f"| {_plain(row.system)} | {row.size or row.size_class or '–'} | {row.figures} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def to_json(rows: Sequence[Row], *, name: str) -> dict[str, Any]:
    """Return the table as data, scores in percent."""
    return {"set": name, "measure": "ndcg@10", "unit": "percent", "rows": [_row_json(row) for row in rows]}


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "system": row.system,
        "figures": row.figures,
        "size": row.size,
        "size_class": row.size_class,
        "search": row.search,
        "measured_at": row.measured_at.isoformat() if row.measured_at else None,
        "command": row.command,
        "machine": row.machine,
        "commit": row.commit,
        "scores": {column: round(cell.score, 4) for column, cell in row.cells.items()},
        "significant": [column for column, cell in row.cells.items() if cell.significant],
        "corrected": {column: cell.corrected for column, cell in row.cells.items() if cell.corrected is not None},
    }


def _text(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    text = f"{cell.score:.2f}{DAGGER if cell.significant else ''}"
    text = f"**{text}**" if cell.best else text
    return text if cell.corrected is None else f"{text} (later {cell.corrected:.2f})"


def _plain(name: str) -> str:
    """A bar in a name would end the cell."""
    return name.replace("|", "\\|")


def _published() -> list[Row]:
    return [
        Row(
            system=result.name,
            figures="published",
            size=result.size,
            size_class=result.size_class,
            cells={
                str(column): Cell(
                    score=score,
                    significant=column in result.significant,
                    corrected=result.corrected.get(column),
                )
                for column, score in (*result.scores.items(), (AVERAGE, result.average))
            },
        )
        for result in published_results()
    ]


def measured(run: Run) -> Row:
    cells = {
        str(intent): Cell(score=score, significant=str(intent) in run.significant)
        for intent in Intent
        if (score := run.percent(intent)) is not None
    }
    return Row(
        system=run.label,
        figures="measured",
        size_class=run.size_class,
        search=run.search,
        measured_at=run.measured_at,
        command=run.command,
        machine=run.machine,
        commit=run.commit,
        cells=cells | {AVERAGE: Cell(score=100 * run.average, significant=AVERAGE in run.significant)},
    )
