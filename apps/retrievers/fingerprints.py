"""Names for weights: which files hold them, and a short name that changes when they do."""

import hashlib
from functools import lru_cache
from pathlib import Path

_PREFIX = "files-"
_BLOCKS, _BLOCK_BYTES = 64, 65_536


def weight_files(folder: Path) -> list[Path]:
    """Return the weight files of a checkpoint, safetensors before pickled ones, in order of name."""
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        if found := sorted(folder.glob(pattern)):
            return found
    return []


def fingerprint(folder: Path) -> str:
    """Return a name for the weights in `folder`, from 64 blocks spread over each file.

    Training changes every block, so this tells checkpoints apart in milliseconds where hashing
    15 GB would take half a minute. It is no defence against forgery: `sha256` is.
    """
    digest = hashlib.sha256()
    for path in weight_files(folder):
        stat = path.stat()
        digest.update(_sample(path, stat.st_size, stat.st_mtime_ns))
    return f"{_PREFIX}{digest.hexdigest()[:12]}"


def is_fingerprint(revision: str) -> bool:
    """Tell whether a revision was read off the files, so that nobody published it."""
    return revision.startswith(_PREFIX)


def sha256(path: Path) -> str:
    """Return the hash of the whole file, remembered for as long as size and time stay the same."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=64)
def _sample(path: Path, size: int, changed_ns: int) -> bytes:
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for block in range(_BLOCKS):
            file.seek(max(0, size - _BLOCK_BYTES) * block // (_BLOCKS - 1))
            digest.update(file.read(_BLOCK_BYTES))
    return digest.digest()
