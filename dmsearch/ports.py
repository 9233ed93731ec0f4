"""Who listens on a port of this machine, and whether it answers."""

import errno
import http.client
import socket
from contextlib import suppress

import psutil


def holder_of(host: str, port: int) -> str | None:
    """Say who listens there; None when we could. Raises OSError when we never could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
        except OSError as failure:
            if failure.errno != errno.EADDRINUSE:
                raise
            return _listener(port)
    return None


def answers(host: str, port: int, path: str) -> bool:
    """Tell whether an HTTP server answers there, whatever it says."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])


def _listener(port: int) -> str:
    with suppress(psutil.Error):  # some systems tell root alone
        for each in psutil.net_connections(kind="tcp"):
            if each.status == psutil.CONN_LISTEN and each.pid and each.laddr[1:2] == (port,):
                return f"{psutil.Process(each.pid).name()} (pid {each.pid})"
    return "another program"
