"""Fetching checkpoints from the hub, when there is a network and somebody asks."""

from pathlib import Path

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import CheckpointMissing, adapter_base

#: Weights once, in the safe format, and what reads them: no copies for other frameworks, no code.
_WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "1_Pooling/*"]
_UNWANTED = ["onnx/*", "openvino/*", "*.py"]


class DownloadFailed(RuntimeError):
    """The hub could not be reached, or does not have the model."""


def download(card: RetrieverCard) -> Path:
    """Fetch `card` at its pinned revision into the hub's cache, with an adapter's base, and return its folder."""
    if not card.released:
        raise CheckpointMissing(f"{card.name} was not released. {card.note}")
    if not card.hub_id:
        raise CheckpointMissing(f"{card.name} is part of this program: there is nothing to download.")
    folder = _fetch(card.hub_id, revision=card.revision)
    base = adapter_base(folder)
    if base and not Path(base).is_dir():
        _fetch(base, revision="main")
    return folder


def _fetch(repository: str, *, revision: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(repository, revision=revision, allow_patterns=_WANTED, ignore_patterns=_UNWANTED)
    except LocalEntryNotFoundError as error:
        raise DownloadFailed(
            f"The hub cannot be reached, or HF_HUB_OFFLINE is set. Fetch {repository} elsewhere and set"
            " RETRIEVER_FOLDER to the folder."
        ) from error
    except HfHubHTTPError as error:
        raise DownloadFailed(f"The hub does not give {repository} at {revision}: {error}") from error
    return Path(folder)
