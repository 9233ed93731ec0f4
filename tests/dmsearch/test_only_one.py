import os

import pytest

from dmsearch.only_one import AlreadyRunning, only_one


class TestOnlyOne:
    def test_tells_the_second_who_the_first_is(self, tmp_path):
        lock, address = tmp_path / "run.lock", "http://127.0.0.1:8000/"
        known = pytest.raises(AlreadyRunning, match=rf"pid {os.getpid()}, {address}")
        with only_one(lock, address=address), known, only_one(lock, address="http://127.0.0.1:8001/"):
            pytest.fail("both run")

    def test_lets_the_next_one_in(self, tmp_path):
        for address in ("http://127.0.0.1:8000/", "http://127.0.0.1:8001/"):
            with only_one(tmp_path / "run.lock", address=address):
                assert (tmp_path / "run.lock").read_text().endswith(address)
