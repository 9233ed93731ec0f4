"""Measurements into the leaderboard: those just made here, and those brought from another machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.experiments import evaluation_process
from apps.experiments.models import Run


def import_results(source: Path) -> tuple[int, int]:
    """Record all that the evaluator wrote under `source`; return how many runs are new and how many there are."""
    recorded = [Run.objects.record(report) for report in evaluation_process.results(source)]
    return sum(created for _, created in recorded), len(recorded)


def record(report: Mapping[str, Any], *, command: str) -> Run:
    """Record the evaluation that gave `report`, with the significance that only its kept results can tell."""
    kept = [found for found in evaluation_process.results() if report.items() <= found.items()]
    run, _ = Run.objects.record(kept[-1], command=command)
    return run
