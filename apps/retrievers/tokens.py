"""Counting tokens as the model does, without loading it."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import CheckpointMissing, get_checkpoint, tokenizer_file
from apps.retrievers.family import STAND_INS

_SPECIAL_TOKENS_OF_HASHING = 2


def token_counter(card: RetrieverCard, *, folder: Path | None = None) -> Callable[[str], int]:
    """Return a function that counts a text's tokens for `card`, special tokens included."""
    if card in STAND_INS:
        return lambda text: len(text.split()) + _SPECIAL_TOKENS_OF_HASHING
    tokenizer = whole_text_tokenizer(get_checkpoint(card, folder=folder).path)
    return lambda text: len(tokenizer.encode(text).ids)


@lru_cache(maxsize=4)
def whole_text_tokenizer(checkpoint: Path) -> Tokenizer:
    """Return the checkpoint's tokenizer with padding and truncation off.

    Files often carry both switched on (all-MiniLM's pads and cuts to 128), which would make every
    count the same.
    """
    tokenizer = read_tokenizer(checkpoint)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def read_tokenizer(checkpoint: Path) -> Tokenizer:
    """Return the checkpoint's tokenizer as its file describes it, or raise CheckpointMissing."""
    file = tokenizer_file(checkpoint)
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointMissing(
            f"{file} cannot be read ({error}): was it cut off? Copy or download it again."
        ) from error
