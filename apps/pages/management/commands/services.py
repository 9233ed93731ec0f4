import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from dmsearch import embedded


class Command(BaseCommand):
    help = "Start, stop or show the embedded PostgreSQL and Valkey."
    requires_system_checks = ()  # they may need the very servers that this starts

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("up", "down", "status"))
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")

    def handle(self, *, action: str, json: bool, **_: Any) -> None:
        self.as_json = json
        self.servers = {"postgres": settings.EMBEDDED_POSTGRES, "valkey": settings.EMBEDDED_VALKEY}
        elsewhere = [
            f"{variable} is set: that server is not ours, and is not touched."
            for variable, is_ours in (
                ("DATABASE_URL", settings.EMBEDDED_POSTGRES),
                ("REDIS_URL", settings.EMBEDDED_VALKEY),
            )
            if not is_ours
        ]
        try:
            outcome = {"up": self._up, "down": self._down, "status": self._status}[action]()
        except embedded.ServiceError as failure:
            raise CommandError(str(failure)) from failure
        self._print(outcome | {"elsewhere": elsewhere})

    def _up(self) -> dict[str, Any]:
        return {"started": embedded.up(settings.HOME, **self.servers)} | self._status()

    def _down(self) -> dict[str, Any]:
        return {"stopped": embedded.down(settings.HOME, **self.servers)} | self._status()

    def _status(self) -> dict[str, Any]:
        found = embedded.status(settings.HOME, **self.servers)
        return {"home": str(settings.HOME.path), "servers": [server.as_dict() for server in found]}

    def _print(self, outcome: dict[str, Any]) -> None:
        if self.as_json:
            self.stdout.write(json.dumps(outcome, indent=2))
            return
        for line in outcome["elsewhere"]:
            self.stdout.write(line)
        for verb in ("started", "stopped"):
            for name in outcome.get(verb, ()):
                self.stdout.write(f"{verb} {name}")
        for server in outcome["servers"]:
            self.stdout.write(_line(server))


def _line(server: dict[str, Any]) -> str:
    size = filesizeformat(server["data_bytes"]).replace("\xa0", " ")
    if server["reachable"]:
        return f"{server['name']}: up, pid {server['pid']}, {server['version']}, {size}"
    state = f"pid {server['pid']}" if server["running"] else "down"
    return f"{server['name']}: {state}, {size}; {server['mend']}"
