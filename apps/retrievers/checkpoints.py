"""Where a model's files are. Looks at folders and names only: nothing here loads a weight.

A checkpoint is looked for in four places, in this order: the folder somebody named, a package
that carries it, the models trained here, the hub's cache on this machine. The network is never asked.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.retrievers import packaged
from apps.retrievers.card import RetrieverCard
from apps.retrievers.declared import declared_card
from apps.retrievers.family import DMRETRIEVERS, FAMILY, PACKAGED
from apps.retrievers.fingerprints import fingerprint, weight_files
from apps.retrievers.own import own_cards, own_folders
from apps.retrievers.st_folder import NotUsable, read_json, read_said


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    path: Path
    revision: str  #: hub commit, package version, or a fingerprint of the files


class CheckpointMissing(LookupError):
    """The model's files are on none of the places that were looked at."""


def find_checkpoint(card: RetrieverCard, *, folder: Path | None = None) -> Checkpoint | None:
    """Return where `card`'s files are, or None. `folder` defaults to $RETRIEVER_FOLDER."""
    if named := find_in_folder(card, folder or _folder_from_environment()):
        return Checkpoint(path=named, revision=_revision(named))
    if card.name == PACKAGED.name and (path := packaged.find_model()):
        return Checkpoint(path=path, revision=packaged.REVISION)
    for own, its_card in own_folders():
        if its_card == card and is_checkpoint(own):
            return Checkpoint(path=own, revision=_revision(own))
    cached = _snapshot(card, cache=_hub_cache())
    return Checkpoint(path=cached, revision=_revision(cached)) if card.hub_id and is_checkpoint(cached) else None


def get_checkpoint(card: RetrieverCard, *, folder: Path | None = None) -> Checkpoint:
    """Return where `card`'s files are, or raise CheckpointMissing saying how to get them."""
    if not card.released:
        raise CheckpointMissing(f"{card.name} was not released. {card.note}")
    found = find_checkpoint(card, folder=folder)
    if found is None:
        raise CheckpointMissing(_why_missing(card, folder or _folder_from_environment()))
    return found


def choosable_cards() -> Iterator[tuple[RetrieverCard, bool]]:
    """Yield the models that there are weights of, those trained here first, and whether the weights are at hand."""
    for card in (*own_cards(), *FAMILY.values()):
        if card.released and card.hub_id:
            yield card, find_checkpoint(card) is not None


def default_card(*, folder: Path | None = None) -> RetrieverCard:
    """Return DMRetriever-33M where its checkpoint is at hand, else the packaged small model."""
    smallest = DMRETRIEVERS[0]
    return smallest if find_checkpoint(smallest, folder=folder) else PACKAGED


def find_in_folder(card: RetrieverCard, folder: Path | None) -> Path | None:
    """Return `folder` if it is `card`'s checkpoint, or the one inside it that is."""
    return next(filter(is_checkpoint, _places_in(folder, card)), None) if folder else None


def identify(folder: Path) -> RetrieverCard | None:
    """Return the card of the checkpoint in `folder`: by what it says, its name, then its shape.

    Several models share a shape (BGE and DMRetriever, say): the family's own comes first, of those that pool,
    cut and prompt as the folder says; where none does, the model is one of its own.
    """
    config = _config(folder)
    if config is None:
        return None
    if declared := declared_in(folder):
        return declared
    if folder.name in FAMILY:
        return FAMILY[folder.name]
    shape = (config.get("hidden_size"), config.get("num_hidden_layers"))
    cards = [card for card in FAMILY.values() if card.hub_id]
    cached = next((card for card in cards if cache_name(card) in folder.parts), None)
    return cached or _by_shape(folder, config, [card for card in cards if (card.dim, card.layers) == shape])


def declared_in(folder: Path) -> RetrieverCard | None:
    """Return the card of which the folder says that it is its own: a model of the family's, or one trained here."""
    settings = read_json(folder / "config_sentence_transformers.json")
    name = str(settings.get("retriever", ""))
    return FAMILY[name] if name in FAMILY else declared_card(settings.get("card") or {})


def _by_shape(folder: Path, config: dict[str, Any], alike: list[RetrieverCard]) -> RetrieverCard | None:
    try:
        said = read_said(folder)
    except NotUsable:
        return None
    return next(filter(said.fits, alike), None) or said.card(folder, config)


def is_checkpoint(folder: Path) -> bool:
    """Tell whether `folder` holds a model, whole: no shard that its index names is missing."""
    shards = read_json(folder / "model.safetensors.index.json").get("weight_map", {})
    whole = all((folder / name).is_file() for name in set(shards.values()))
    return whole and bool(weight_files(folder)) and _config(folder) is not None


def adapter_base(folder: Path) -> str | None:
    """Return the model that a LoRA adapter was trained on: a folder, where it is on this machine, or a name on the hub."""
    name = read_json(folder / "adapter_config.json").get("base_model_name_or_path")
    if not name:
        return None
    beside = next((path for path in (folder / name, folder.parent / name) if path.is_dir()), None)
    known = next((card for card in FAMILY.values() if card.hub_id == name), None)
    if beside is None and known and (checkpoint := find_checkpoint(known)):
        return str(checkpoint.path)
    return str(beside or name)


def tokenizer_file(folder: Path) -> Path:
    """Return the checkpoint's tokenizer.json; an adapter may leave it with its base."""
    base = adapter_base(folder)
    for place in (folder, Path(base)) if base else (folder,):
        if (place / "tokenizer.json").is_file():
            return place / "tokenizer.json"
    raise CheckpointMissing(f"{folder} has no tokenizer.json: was the download cut off?")


def _folder_from_environment() -> Path | None:
    value = os.environ.get("RETRIEVER_FOLDER")
    return Path(value) if value else None


def _places_in(folder: Path, card: RetrieverCard) -> Iterator[Path]:
    """Yield where `card` would lie in a folder that somebody named."""
    if not card.hub_id:
        return
    yield folder / card.name
    yield _snapshot(card, cache=folder)
    found = identify(folder)
    if found and found.name == card.name:
        yield folder


def _snapshot(card: RetrieverCard, *, cache: Path) -> Path:
    """Return where the hub's cache keeps `card` at its revision."""
    repository = cache / cache_name(card)
    reference = repository / "refs" / card.revision
    commit = reference.read_text().strip() if reference.is_file() else card.revision
    return repository / "snapshots" / commit


def _why_missing(card: RetrieverCard, folder: Path | None) -> str:
    places = [*(_places_in(folder, card) if folder else ()), _snapshot(card, cache=_hub_cache())]
    if partly := next((place for place in places if place.is_dir() and any(place.iterdir())), None):
        return (
            f"{partly} holds only part of {card.name}: run `manage.py models download {card.name}`, or copy it again."
        )
    return (
        f"No files of {card.name} were found. Set RETRIEVER_FOLDER to a folder that holds them, or run"
        f" `manage.py models download {card.name}`."
    )


def _hub_cache() -> Path:
    """Return the cache folder that huggingface_hub would use, without importing it."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    home = os.environ.get("HF_HOME", "~/.cache/huggingface")
    return Path(home).expanduser() / "hub"


def cache_name(card: RetrieverCard) -> str:
    return f"models--{card.hub_id.replace('/', '--')}"


def _revision(path: Path) -> str:
    return path.name if path.parent.name == "snapshots" else fingerprint(path)


def _config(folder: Path) -> dict[str, Any] | None:
    for name in ("config.json", "adapter_config.json"):
        if found := read_json(folder / name):
            return found
    return None
