import json
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.operations.soak.product import ProductFailed
from apps.operations.soak.running import Plan, soak


class Command(BaseCommand):
    help = (
        "Run a whole product of its own under uploads and searches, kill its processes at random, then audit it: "
        "nothing missing, doubled, left open or failed untold. Nothing of this installation is touched."
    )
    requires_system_checks = ()  # what runs here is another product

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--minutes", type=float, default=5.0)
        parser.add_argument("--seed", type=int, default=1, help="who is killed when")
        parser.add_argument("--kill-every", type=float, default=10.0, metavar="SECONDS", help="on average")
        parser.add_argument(
            "--lease",
            type=float,
            default=30.0,
            metavar="SECONDS",
            help="after which a silent worker's work is taken over",
        )
        parser.add_argument("--retriever", default="hashing", help="a model's name; the default needs no computing")
        parser.add_argument("--json", action="store_true", help="print the report as JSON, for programs")

    def handle(self, *, minutes: float, kill_every: float, lease: float, json: bool, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is then stopped
        if min(minutes, kill_every, lease) <= 0:
            raise CommandError("--minutes, --kill-every and --lease must be more than nothing.")
        plan = Plan(
            minutes=minutes,
            seed=options["seed"],
            retriever=options["retriever"],
            kill_every_s=kill_every,
            lease_s=lease,
        )
        try:
            report = soak(plan, say=self.stderr.write if json else self.stdout.write)
        except ProductFailed as failure:
            raise CommandError(str(failure)) from failure
        self._print(report, as_json=json)
        if report["faults"]:
            raise CommandError(f"{len(report['faults'])} faults.")

    def _print(self, report: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report, indent=2))
            return
        for name, value in report.items():
            if name != "faults":
                self.stdout.write(f"{name}: {value}")
        for fault in report["faults"]:
            self.stdout.write(f"FAULT: {fault}")
        if not report["faults"]:
            self.stdout.write("No faults: nothing missing, nothing doubled, nothing open, every failure told.")
