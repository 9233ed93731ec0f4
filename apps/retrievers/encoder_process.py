"""The encoders' own command line as a child process: the web's processes never load a model."""

import subprocess
import sys

from django.conf import settings


def run_encoders(action: str, *arguments: str) -> int:
    """Run `python -m workers.encoders`, its output going where ours goes; return its exit status."""
    folder = settings.RETRIEVER_FOLDER
    where = ["--checkpoint-folder", str(folder)] if folder else []
    command = [sys.executable, "-m", "workers.encoders", action, *arguments, *where]
    return subprocess.run(command, cwd=settings.BASE_DIR, check=False).returncode
