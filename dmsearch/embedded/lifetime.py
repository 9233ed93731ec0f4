"""Tie a child process to the life of its parent."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def ends_with_parent(sent: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn`: the kernel sends `sent` to the child when the calling thread ends.

    Linux alone can do that; elsewhere the child outlives a parent that was killed.
    """
    if not sys.platform.startswith("linux"):
        return _nothing
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def in_child() -> None:
        if libc.prctl(_PR_SET_PDEATHSIG, int(sent)) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return in_child


def _nothing() -> None:
    return None
