import subprocess
import sys

import pytest

HOLD = """
import sys
from workers.encoders.claims import claim
print(claim(["gpu-a", "gpu-b"]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Start worker processes that take a device and keep it until they are stopped."""
    monkeypatch.setenv("DMSEARCH_CACHE", str(tmp_path))
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.communicate("")


class TestClaim:
    def test_each_process_takes_a_device_of_its_own_and_gives_it_back_when_it_ends(self, start):
        first, device_of_first = start()
        _, device_of_second = start()
        assert (device_of_first, device_of_second) == (0, 1)
        first.communicate("")
        assert start()[1] == 0

    def test_more_processes_than_devices_share(self, start):
        taken = [start()[1] for _ in range(3)]
        assert taken[:2] == [0, 1]
        assert taken[2] in (0, 1)
