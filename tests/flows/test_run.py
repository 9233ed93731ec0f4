"""`manage.py run` as a person starts it: everything comes up, survives blows, and is gone after Ctrl-C."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from dmsearch.embedded.postgres import Postgres
from dmsearch.embedded.programs import wait_until
from dmsearch.embedded.valkey import Valkey
from tests.dmsearch.embedded.conftest import delete, make_home

pytestmark = pytest.mark.flow

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Run:
    """A `manage.py run` and what it said so far."""

    def __init__(self, home, port: int) -> None:
        self.port = port
        self.text = ""
        kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run", "--port", str(port)],
            cwd=ROOT,
            env={**kept, "DMSEARCH_HOME": str(home.path), "RETRIEVER": "hashing"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def says(self, text: str, *, seconds: float = 60) -> bool:
        return wait_until(lambda: text in self.text or self.process.poll() is not None, seconds=seconds) and (
            text in self.text
        )

    def child(self, *words: str) -> psutil.Process | None:
        for each in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # a zombie is one: it has just been killed
                if set(words) <= set(each.cmdline()):
                    return each
        return None

    def end(self, sent: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(sent)
        status = self.process.wait(timeout=60)
        self._reader.join()
        return status

    def _read(self) -> None:
        for line in self.process.stdout:
            self.text += line


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def home():
    made = make_home()
    yield made
    delete(made)


def test_everything_comes_up_survives_blows_and_is_gone_after_ctrl_c(home):
    run = Run(home, free_port())
    try:
        assert run.says(f"ready: http://127.0.0.1:{run.port}/"), run.text
        assert status_of(run.port, "/healthz") == 200

        second = Run(home, free_port())
        assert second.process.wait(timeout=60) == 1
        assert second.says(f"already running on {home.path}: pid {run.process.pid}, http://127.0.0.1:{run.port}/")

        assert wait_until(lambda: run.child("embed"), seconds=60)
        run.child("embed").kill()
        assert run.says("embed    | ended (killed by SIGKILL)"), run.text

        os.kill(Postgres(home).pid(), signal.SIGKILL)
        assert run.says("postgres | had died; started again"), run.text
        assert wait_until(lambda: run.child("embed"), seconds=60)
    finally:
        children = psutil.Process(run.process.pid).children(recursive=True)
        asked = time.monotonic()
        status = run.end()
    assert status == 0, run.text
    assert time.monotonic() - asked < 20  # 10 on a machine that does nothing else
    assert not [child for child in children if child.is_running()]
    assert [server.pid() for server in (Postgres(home), Valkey(home))] == [None, None]


def test_a_taken_port_is_told_with_its_holder_and_a_way_out(home):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        run = Run(home, port)
        assert run.process.wait(timeout=60) == 1
        assert run.says(f"port {port} is taken by ")
    assert f"(pid {os.getpid()})" in run.text
    assert f"PORT={port + 1} make run" in run.text
    assert Postgres(home).pid() is None
