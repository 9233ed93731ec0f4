"""Proof, at every load, that a model attends and pools as its card says.

Most ways of loading a retriever wrongly raise nothing: they embed a little worse, for months. Each
of these has happened to somebody, and each shows in a few tokens.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from apps.retrievers.card import RetrieverCard
from workers.encoders.base import EncoderUnavailable, Forward, TokenIds
from workers.encoders.tokenizing import TextTokenizer, padded

#: (token ids, attention mask), both (B, T) -> hidden states (B, T, D)
Hidden = Callable[[TokenIds, TokenIds], NDArray[np.float32]]

_TEXTS = ("Rescue teams reached the flooded village at dawn.", "Flood")
_SAME, _CHANGED = 0.995, 1e-4


def check_attention(hidden: Hidden, card: RetrieverCard, tokenizer: TextTokenizer) -> None:
    """Refuse a model in which the first token sees the last one, or does not, against its card."""
    row = list(tokenizer.token_ids(_TEXTS[:1])[0])
    changed = [*row[:-1], row[len(row) // 2]]
    states = hidden(*padded([row, changed], pad_id=tokenizer.pad_id))
    sees_the_end = bool(np.abs(states[0, 0] - states[1, 0]).max() > _CHANGED * np.abs(states[:, 0]).max())
    if sees_the_end != card.bidirectional:
        raise EncoderUnavailable(
            f"{card.name} must {'see' if card.bidirectional else 'not see'} later tokens, and as loaded it"
            f" {'does' if sees_the_end else 'does not'}: its attention mask is wrong."
        )


def check_vectors(forward: Forward, card: RetrieverCard, tokenizer: TextTokenizer) -> None:
    """Refuse a model whose vectors have another size or length, or change with padding."""
    rows = tokenizer.token_ids(_TEXTS)
    together = forward(*padded(rows, pad_id=tokenizer.pad_id))
    if together.shape != (len(_TEXTS), card.dim):
        raise EncoderUnavailable(f"{card.name} gives vectors of {together.shape[1]} dimensions, not {card.dim}.")
    if not np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3):
        raise EncoderUnavailable(f"{card.name} gives vectors that are not of unit length (or not numbers).")
    alone = forward(*padded(rows[1:], pad_id=tokenizer.pad_id))
    if float(together[1] @ alone[0]) < _SAME:
        raise EncoderUnavailable(f"{card.name} embeds a text differently beside a longer one: padding leaks in.")
