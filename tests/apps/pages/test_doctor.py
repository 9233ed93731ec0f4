import json
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.management import call_command

from apps.pages import health
from apps.pages.health import Check, fail, ok, register


@pytest.fixture
def checks(monkeypatch):
    monkeypatch.setattr(health, "_checks", {})


class TestDoctor:
    def test_says_how_to_mend_and_exits_1(self, checks, capsys):
        register(
            Check(name="disk", label="Disk", run=lambda: ok("81 GB free"), order=1),
            Check(name="broker", label="Message broker", run=lambda: fail("away", "Start it."), order=2),
        )
        with pytest.raises(SystemExit) as ended:
            call_command("doctor")
        assert ended.value.code == 1
        assert capsys.readouterr().out.splitlines() == [
            "ok    Disk            81 GB free",
            "FAIL  Message broker  away",
            "                      → Start it.",
        ]

    def test_ends_well_when_all_is_well(self, checks, capsys):
        register(Check(name="disk", label="Disk", run=lambda: ok("81 GB free"), order=1))
        call_command("doctor")
        assert capsys.readouterr().out == "ok    Disk  81 GB free\n"

    def test_tells_programs_in_json(self, checks, capsys):
        register(Check(name="disk", label="Disk", run=lambda: ok("81 GB free", free_bytes=81), order=1))
        call_command("doctor", "--json")
        report = json.loads(capsys.readouterr().out)
        assert report["state"] == "ok"
        assert report["checks"][0]["facts"] == {"free_bytes": 81}

    def test_works_with_every_server_down(self, tmp_path):
        environment = {
            "PATH": "/usr/bin:/bin",
            "DMSEARCH_HOME": str(tmp_path),
            "RETRIEVER": "hashing",
            "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
            "REDIS_URL": "redis://127.0.0.1:1/0",
        }
        done = subprocess.run(
            [sys.executable, settings.BASE_DIR / "manage.py", "doctor", "--json"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1, done.stderr
        checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        assert checks["database"]["remedy"] == "Start the server, or correct DATABASE_URL."
        assert checks["broker"]["remedy"] == "Start the server, or correct REDIS_URL."
        assert checks["model"]["state"] == "ok"
        assert checks["migrations"]["summary"] == "not checked"
