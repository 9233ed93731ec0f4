"""A model as one graph, token ids in and unit vectors out, written once and then read without torch.

Graphs lie in $DMSEARCH_CACHE (~/.cache/dmsearch), by model, revision and engine version. They are
made by whoever comes first, under a lock, and appear whole or not at all.
"""

import fcntl
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.retrievers.calibrations import cache_folder
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from workers.encoders.base import EncoderUnavailable


def graph_folder(card: RetrieverCard, checkpoint: Checkpoint, *, engine: str, write: Callable[[Path], None]) -> Path:
    """Return the folder of `card`'s graph for `engine`, a name with its version; `write` fills it if need be."""
    folder = cache_folder() / card.name / checkpoint.revision / engine
    if not folder.is_dir():
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not folder.is_dir():
                _write_whole(card, folder, write)
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time do what follows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write_whole(card: RetrieverCard, folder: Path, write: Callable[[Path], None]) -> None:
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".writing-"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what tracers and exporters say of transformers' own code
            write(scratch)
        scratch.rename(folder)
    except RuntimeError as error:  # what every exporter raises for a model it cannot express
        raise EncoderUnavailable(f"{card.name} cannot be written for {folder.name}: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
