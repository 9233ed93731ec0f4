import subprocess
import sys

from django.conf import settings


def test_says_nothing_when_its_reader_has_seen_enough():
    command = [sys.executable, "manage.py", "models", "list"]
    with subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()  # as `| head` does
        assert process.stderr.read() == b""
