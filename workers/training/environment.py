"""The memory allocator of a training process: on a CPU, training takes a third longer with glibc's defaults.

glibc gives memory back after every step and takes page faults for it again at the next. Both remedies must be in the
environment before the process starts, so it starts itself once more.
"""

import os
import sys
from ctypes.util import find_library
from pathlib import Path

_CHOSEN = "DMSEARCH_ALLOCATOR"  #: set once chosen; set it yourself to keep the environment as it is
_LIBRARIES = ("tcmalloc_minimal", "tcmalloc")
_GLIBC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**30),
    "MALLOC_TOP_PAD_": str(64 * 2**20),
}


def use_fast_allocator() -> None:
    """Start this process again under tcmalloc, or under glibc told to keep its memory; once, and on Linux only."""
    if sys.platform != "linux" or _CHOSEN in os.environ:
        return
    changed = fast_allocator(os.environ.get("LD_PRELOAD", ""))
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **changed})  # noqa: S606


def fast_allocator(preloaded: str) -> dict[str, str]:
    """Return the environment of the fastest allocator that is installed. preloaded: LD_PRELOAD as it is."""
    if "malloc" in preloaded:
        return {_CHOSEN: "given"}
    library = next((found for name in _LIBRARIES if (found := find_library(name))), None)
    if library is None or not Path("/proc/self").exists():
        return {_CHOSEN: "glibc", **_GLIBC}
    return {_CHOSEN: library, "LD_PRELOAD": f"{library}:{preloaded}".rstrip(":")}
