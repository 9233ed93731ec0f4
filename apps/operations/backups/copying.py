"""A copy is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

PARTIAL = ".partial"


def copy_whole(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    scratch = to.with_name(to.name + PARTIAL)
    shutil.copyfile(source, scratch)
    os.replace(scratch, to)  # noqa: PTH105 - whole or not at all
