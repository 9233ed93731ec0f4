"""What gunicorn does before its processes start, by the file that it reads by itself."""

import os
import runpy
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from gunicorn.config import Config
from gunicorn.http import message
from gunicorn.http.parser import RequestParser

from apps.search.forms import MAX_QUERY

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def on_starting():
    return runpy.run_path(str(ROOT / "gunicorn.conf.py"))["on_starting"]


@pytest.fixture
def metrics(tmp_path, monkeypatch):
    folder = tmp_path / "metrics"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    return folder


class TestARequest:
    """As gunicorn reads it with the settings of the file."""

    @pytest.fixture
    def read(self, monkeypatch):
        monkeypatch.setattr(message, "MAX_REQUEST_LINE", message.MAX_REQUEST_LINE)  # put back afterwards
        config = Config()
        for name, value in runpy.run_path(str(ROOT / "gunicorn.conf.py")).items():
            if name in config.settings:
                config.set(name, value)
        return lambda request: next(RequestParser(config, iter([request]), ("127.0.0.1", 1)))

    @pytest.mark.parametrize("letter", ["d", "д", "洪", "🌊"])
    def test_may_hold_the_longest_search_in_any_script(self, read, letter):
        query = urlencode({"q": letter * MAX_QUERY, "intent": "FactCheck", "corpus": "reports"})
        lines = f"GET /?{query} HTTP/1.1\r\nHost: localhost\r\nHX-Current-URL: http://localhost/?{query}\r\n\r\n"
        assert read(lines.encode()).query == query

    def test_is_not_read_without_end(self, read):
        with pytest.raises(message.LimitRequestLine):
            read(b"GET /?q=" + b"a" * 40_000)


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
