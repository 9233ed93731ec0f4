"""What a person calls a retriever on a command line: a card's name, or the folder of a checkpoint."""

from pathlib import Path

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import cache_name, declared_in, default_card, identify, is_checkpoint
from apps.retrievers.family import FAMILY, UnknownRetriever, get_card
from apps.retrievers.st_folder import NotUsable, read_json, read_said


def named_retriever(name: str | None) -> tuple[RetrieverCard, Path | None]:
    """Return the card, the product's own for no name, and the folder where that is what was named.

    Raises UnknownRetriever, for a folder too that holds no model we know how to use.
    """
    if not name:
        return default_card(), None
    folder = Path(name)
    if not folder.is_dir():
        return get_card(name), None
    card = identify(folder)
    if card is None:
        raise UnknownRetriever(f"{folder} holds no model that can be used here: {_why_not(folder)}.")
    if not is_checkpoint(folder):
        raise UnknownRetriever(
            f"{folder} holds only part of {card.name}: weights are missing. Copy or download it again."
        )
    return card, folder


def card_called(name: str, folder: Path | None) -> RetrieverCard:
    """Return the card called `name`: that of the model in `folder`, which may be known by nothing else, comes first."""
    found = identify(folder) if folder else None
    return found if found and found.name == name else get_card(name)


def known_by(folder: Path, card: RetrieverCard) -> str:
    """Say, for whoever named the folder, by what it was taken for `card`."""
    if declared_in(folder):
        return "what the folder says of itself"
    if card.name not in FAMILY:
        return "what sentence-transformers wrote into it"
    if folder.resolve().name == card.name:
        return "its name"
    if cache_name(card) in folder.resolve().parts:
        return "the place in the hub's cache"
    return f"its shape alone, {card.layers} layers of {card.dim}: prompts and pooling are those of {card.name}"


def _why_not(folder: Path) -> str:
    configs = [folder / name for name in ("config.json", "adapter_config.json") if (folder / name).is_file()]
    if not configs:
        return "it has neither a config.json nor an adapter_config.json"
    if not any(map(read_json, configs)):
        return f"its {configs[0].name} cannot be read; was the copy cut off?"
    try:
        read_said(folder)
    except NotUsable as reason:
        return str(reason)
    return (
        "its shape is no known model's, and it does not say how it pools; a folder that sentence-transformers"
        " or `manage.py models export` wrote does"
    )
