"""The whole product, as `manage.py run` starts it, hit with kill -9 while files come in and people search."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.flow

ROOT = Path(__file__).resolve().parents[2]


class TestSoak:
    @pytest.mark.timeout(400)
    def test_nothing_is_lost_doubled_or_failed_untold(self):
        command = [
            sys.executable,
            "manage.py",
            "soak",
            "--minutes",
            "0.4",
            "--kill-every",
            "3",
            "--lease",
            "6",
            "--json",
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=390)
        assert done.returncode == 0, done.stdout + done.stderr[-3000:]
        report = json.loads(done.stdout)
        assert sum(report["kills"].values()) >= 4
        assert report["uploads"]["rows"] > 0
        assert report["faults"] == []
