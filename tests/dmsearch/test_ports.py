import os
import socket
import subprocess
import sys

import pytest

from dmsearch import ports
from dmsearch.embedded.programs import wait_until


class TestPorts:
    def test_tell_who_holds_one(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            holder = ports.holder_of("127.0.0.1", port)
        assert holder is not None
        assert f"(pid {os.getpid()})" in holder
        assert ports.holder_of("127.0.0.1", port) is None

    def test_tell_that_one_is_not_to_be_had(self):
        with pytest.raises(OSError, match="assign"):
            ports.holder_of("203.0.113.1", 8000)

    def test_answer_once_a_server_does(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        assert not ports.answers("127.0.0.1", port, "/")
        argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                assert wait_until(lambda: ports.answers("127.0.0.1", port, "/nowhere"), seconds=10)
            finally:
                server.terminate()
