"""What can be checked of the running product; each app adds its own checks in `AppConfig.ready`.

The status page, `/readyz` and `manage.py doctor` all show what `run_checks` returns.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
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
    """What one check saw, and how to mend it where that is needed."""

    state: State
    summary: str
    remedy: str = ""
    facts: dict[str, object] = field(default_factory=dict)

    @classmethod
    def ok(cls, summary: str, **facts: object) -> Finding:
        return cls(state=State.OK, summary=summary, facts=facts)

    @classmethod
    def warn(cls, summary: str, remedy: str, **facts: object) -> Finding:
        return cls(state=State.WARN, summary=summary, remedy=remedy, facts=facts)

    @classmethod
    def fail(cls, summary: str, remedy: str, **facts: object) -> Finding:
        return cls(state=State.FAIL, summary=summary, remedy=remedy, facts=facts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    name: str
    label: str
    run: Callable[[], Finding]
    #: No search can be answered without it: `/readyz` asks only these.
    vital: bool = False
    #: Where it stands in the list; servers come first.
    order: int = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    check: Check
    finding: Finding
    took_ms: float


_checks: dict[str, Check] = {}


def register(check: Check) -> None:
    """Add `check` to what is shown; a name registered twice keeps the later one."""
    _checks[check.name] = check


def run_checks(*, vital_only: bool = False) -> list[Result]:
    """Run every check, in order. A server that is away fails its checks and no others."""
    chosen = [check for check in _checks.values() if check.vital or not vital_only]
    return [_run(check) for check in sorted(chosen, key=lambda check: (check.order, check.label))]


def worst(results: list[Result]) -> State:
    """Return the gravest state among `results`."""
    states = {result.finding.state for result in results}
    return next((state for state in (State.FAIL, State.WARN) if state in states), State.OK)


def _run(check: Check) -> Result:
    started = time.perf_counter()
    try:
        finding = check.run()
    except Exception as failure:
        # A check reports; whatever it meets is a finding, and the log keeps the details.
        log.warning("Check %s met an error", check.name, exc_info=not outage(failure))
        finding = _of_failure(failure)
    return Result(check=check, finding=finding, took_ms=(time.perf_counter() - started) * 1000)


def _of_failure(failure: Exception) -> Finding:
    if away := outage(failure):
        return Finding.fail(f"cannot be told: the {away} does not answer", f"Mend the {away} first.")
    first_line = str(failure).splitlines()[0] if str(failure) else "no message"
    return Finding.fail(f"{type(failure).__name__}: {first_line}", "The server's log has the details.")
