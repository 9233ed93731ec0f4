"""What gunicorn reads by itself where it is started in this folder: by `manage.py run`, in the container, by hand."""

import os
import shutil
from pathlib import Path

from gunicorn.http import message

# Bytes. A search of the longest allowed length, in any script, with filters; htmx sends the page's address in a header,
# too. Gunicorn's own ceiling is lower, and the 0 it takes for no limit would let anybody fill the memory.
limit_request_line = limit_request_field_size = message.MAX_REQUEST_LINE = 32_768


def on_starting(_server: object) -> None:
    """Forget what the web processes of the last start counted: a container that starts again finds its old files.

    Counts of processes that are gone would be added to those of today for ever. The folder itself stays: it may be a
    mount, and belong to somebody else.
    """
    if not (name := os.environ.get("PROMETHEUS_MULTIPROC_DIR")):
        return
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
