"""The encoders' own command line as a child process: the web's processes never load a model."""

import subprocess
import sys

from django.conf import settings


def run_encoders(action: str, *arguments: str) -> int:
    """Run `python -m workers.encoders`, its output going where ours goes; return its exit status."""
    return _run(encoder_command(action, *arguments))


def run_gate(*arguments: str) -> int:
    """Run `python -m workers.evaluation.gate` in the same way."""
    return _run(_command("workers.evaluation.gate", *arguments))


def encoder_command(action: str, *arguments: str) -> list[str]:
    """Return the command line, for those who want its output."""
    return _command("workers.encoders", action, *arguments)


def _command(module: str, *arguments: str) -> list[str]:
    folder = settings.RETRIEVER_FOLDER
    where = ["--checkpoint-folder", str(folder)] if folder else []
    return [sys.executable, "-m", module, *arguments, *where]


def _run(command: list[str]) -> int:
    return subprocess.run(command, cwd=settings.BASE_DIR, check=False).returncode
