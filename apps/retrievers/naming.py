"""What a person calls a retriever on a command line: a card's name, or the folder of a checkpoint."""

from pathlib import Path

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import default_card, identify
from apps.retrievers.family import get_card


def named_retriever(name: str | None) -> tuple[RetrieverCard, Path | None]:
    """Return the card, the product's own for no name, and the folder where that is what was named.

    Raises UnknownRetriever, or ValueError for a folder that holds no model of the family.
    """
    if not name:
        return default_card(), None
    folder = Path(name)
    if not folder.is_dir():
        return get_card(name), None
    card = identify(folder)
    if card is None:
        raise ValueError(f"{folder} holds no checkpoint of a known shape.")
    return card, folder
