"""Measurements into the leaderboard: those just made here, and those brought from another machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.experiments import evaluation_process
from apps.experiments.models import Run

if TYPE_CHECKING:
    from apps.accounts.models import User


#: What people judged is measured as a collection of this name; its runs belong to who asked.
OWN_JUDGMENTS = "own judgments"


def import_results(source: Path) -> tuple[int, int]:
    """Record what the evaluator wrote under `source`; return how many runs are new and how many there are.

    Those of judgments stay where they are: their queries are not for everybody.
    """
    public = [report for report in evaluation_process.results(source) if report["set"] != OWN_JUDGMENTS]
    recorded = [Run.objects.record(report) for report in public]
    return sum(created for _, created in recorded), len(recorded)


def record(report: Mapping[str, Any], *, command: str, owner: User | None = None) -> Run:
    """Record the evaluation that gave `report`, with the significance that only its kept results can tell."""
    kept = [found for found in evaluation_process.results() if report.items() <= found.items()]
    run, _ = Run.objects.record(kept[-1], command=command, owner=owner)
    return run
