import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from apps.pages.health import Result, State, run_checks, worst

_MARKS = {State.OK: "ok  ", State.WARN: "WARN", State.FAIL: "FAIL"}


class Command(BaseCommand):
    help = "Check servers, versions, model, index, queues, workers and disk, and say how to mend what is wrong."
    requires_system_checks = []  # it must speak even where Django would refuse to start
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="for programs")

    def handle(self, *, as_json: bool, **_: Any) -> None:
        results = run_checks()
        state = worst(results)
        if as_json:
            report = {"state": state, "checks": [_plain(result) for result in results]}
            self.stdout.write(json.dumps(report, indent=2, cls=DjangoJSONEncoder))
        else:
            self._write_table(results)
        if state is State.FAIL:
            sys.exit(1)

    def _write_table(self, results: list[Result]) -> None:
        styles = {State.OK: self.style.SUCCESS, State.WARN: self.style.WARNING, State.FAIL: self.style.ERROR}
        width = max(len(result.check.label) for result in results)
        for result in results:
            finding = result.finding
            mark = styles[finding.state](_MARKS[finding.state])
            self.stdout.write(f"{mark}  {result.check.label:<{width}}  {finding.summary}")
            if finding.remedy:
                self.stdout.write(f"{'':<{width + 8}}→ {finding.remedy}")


def _plain(result: Result) -> dict[str, Any]:
    return {
        "name": result.check.name,
        "label": result.check.label,
        **asdict(result.finding),
        "took_ms": round(result.took_ms, 1),
    }
