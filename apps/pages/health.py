"""What can be checked of the running product; each app registers its own checks in `AppConfig.ready`.

The status page, `/readyz` and `manage.py doctor` all show what `run_checks` returns.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from apps.pages.outages import outage

log = logging.getLogger(__name__)


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one check saw."""

    state: State
    summary: str
    #: How to mend it; empty when all is well.
    remedy: str = ""
    #: For admins and programs: versions, counts, paths.
    facts: dict[str, object] = field(default_factory=dict)


def ok(summary: str, **facts: object) -> Finding:
    return Finding(state=State.OK, summary=summary, facts=facts)


def warn(summary: str, remedy: str, **facts: object) -> Finding:
    return Finding(state=State.WARN, summary=summary, remedy=remedy, facts=facts)


def fail(summary: str, remedy: str, **facts: object) -> Finding:
    return Finding(state=State.FAIL, summary=summary, remedy=remedy, facts=facts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    name: str
    label: str
    run: Callable[[], Finding]
    #: Lower stands higher in the list: servers under 20, the search itself under 40, workers after.
    order: int
    #: Checks that must not have failed before this one makes sense: a server is waited for once, not ten times.
    needs: tuple[str, ...] = ()
    #: Without it no search is answered; `/readyz` asks only these.
    vital: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    check: Check
    finding: Finding
    took_ms: float


_checks: dict[str, Check] = {}


def register(*checks: Check) -> None:
    """Add to what is shown; of two checks of one name the later counts."""
    _checks.update({check.name: check for check in checks})


def run_checks(*, vital_only: bool = False) -> list[Result]:
    """Run the checks in order. What a failed check would have answered is not asked again."""
    chosen = [check for check in _checks.values() if check.vital or not vital_only]
    results: dict[str, Result] = {}
    for check in sorted(chosen, key=lambda check: (check.order, check.label)):
        failed = [results[name].check.label for name in check.needs if _failed(results.get(name))]
        results[check.name] = _not_run(check, failed[0]) if failed else _run(check)
    return list(results.values())


def worst(results: Sequence[Result]) -> State:
    """Return the gravest state among `results`."""
    states = {result.finding.state for result in results}
    return next((state for state in (State.FAIL, State.WARN) if state in states), State.OK)


def _failed(result: Result | None) -> bool:
    return result is not None and result.finding.state is State.FAIL


def _not_run(check: Check, missing: str) -> Result:
    return Result(check=check, finding=fail("not checked", f"Mend “{missing}” first."), took_ms=0)


def _run(check: Check) -> Result:
    started = time.perf_counter()
    try:
        finding = check.run()
    except Exception as failure:
        # Whatever a check meets is what it has found out: it is shown, and the log keeps the traceback.
        away = outage(failure)
        log.warning("Check %s failed: %s", check.name, failure, exc_info=not away)
        finding = fail(
            f"the {away} does not answer" if away else f"{type(failure).__name__}: {_first_line(failure)}",
            f"Mend the {away}." if away else "The server's log has the details.",
        )
    return Result(check=check, finding=finding, took_ms=(time.perf_counter() - started) * 1000)


def _first_line(failure: Exception) -> str:
    return next(iter(str(failure).splitlines()), "no message")
