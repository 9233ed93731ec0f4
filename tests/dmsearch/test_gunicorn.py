"""What gunicorn does before its processes start, by the file that it reads by itself."""

import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def on_starting():
    return runpy.run_path(str(ROOT / "gunicorn.conf.py"))["on_starting"]


@pytest.fixture
def metrics(tmp_path, monkeypatch):
    folder = tmp_path / "metrics"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    return folder


class TestCountsOfTheLastStart:
    def test_are_forgotten_and_their_folder_stays(self, on_starting, metrics):
        metrics.mkdir()
        before = metrics.stat().st_ino
        (metrics / "counter_7.db").write_bytes(b"old")
        (metrics / "folder").mkdir()
        on_starting(None)
        assert list(metrics.iterdir()) == []
        assert metrics.stat().st_ino == before

    def test_have_a_folder_at_the_first_start(self, on_starting, metrics):
        on_starting(None)
        assert metrics.is_dir()

    def test_are_nothing_where_no_folder_is_named(self, on_starting, monkeypatch, tmp_path):
        monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
        monkeypatch.chdir(tmp_path)
        on_starting(None)
        assert list(tmp_path.iterdir()) == []

    def test_are_forgotten_by_gunicorn_itself(self, metrics, tmp_path):
        """Started as in the container, in the folder of the product; any application will do."""
        metrics.mkdir()
        (metrics / "counter_7.db").write_bytes(b"old")
        argv = [sys.executable, "-m", "gunicorn", "wsgiref.simple_server:demo_app", f"--bind=unix:{tmp_path}/socket"]
        with subprocess.Popen([*argv, "--no-control-socket"], cwd=ROOT, env=os.environ) as gunicorn:
            try:
                until = time.monotonic() + 60
                while list(metrics.iterdir()) and time.monotonic() < until:
                    assert gunicorn.poll() is None
                    time.sleep(0.1)
            finally:
                gunicorn.terminate()
        assert list(metrics.iterdir()) == []
