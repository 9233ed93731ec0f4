"""System checks: a wrong RETRIEVER or RETRIEVER_FOLDER stops the start, and says what would do."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

from apps.retrievers.backends import UnknownBackend, check_backend
from apps.retrievers.checkpoints import CheckpointMissing, find_in_folder, get_checkpoint
from apps.retrievers.family import FAMILY, STAND_INS, UnknownRetriever
from apps.retrievers.naming import named_retriever


@register
def check_retriever(**_: Any) -> list[CheckMessage]:
    """Report a RETRIEVER that is in nobody's family nor a model's folder, was never released, or has no files here."""
    if settings.RETRIEVER == "auto":
        return []
    try:
        card, folder = named_retriever(settings.RETRIEVER)
        if card not in STAND_INS:
            get_checkpoint(card, folder=folder or settings.RETRIEVER_FOLDER)
    except UnknownRetriever as error:
        return [Error(str(error), hint="`manage.py models list` shows them.", id="retrievers.E001")]
    except CheckpointMissing as error:
        return [Caution(str(error), id="retrievers.W002")]  # the worker may be elsewhere, with the files
    return []


@register
def check_retriever_folder(**_: Any) -> list[CheckMessage]:
    """Report a RETRIEVER_FOLDER in which no known model is found: it would be passed over in silence."""
    folder: Path | None = settings.RETRIEVER_FOLDER
    if folder is None or any(find_in_folder(card, folder) for card in FAMILY.values()):
        return []
    return [
        Error(
            f"RETRIEVER_FOLDER is {folder}, where no model of the family is found.",
            hint="Name a folder with config.json and weights, or one that holds such folders by model name.",
            id="retrievers.E003",
        )
    ]


@register
def check_encoder_backend(**_: Any) -> list[CheckMessage]:
    """Report an ENCODER_BACKEND that no worker answers to."""
    try:
        check_backend(settings.ENCODER_BACKEND)
    except UnknownBackend as error:
        return [Error(str(error), id="retrievers.E004")]
    return []
