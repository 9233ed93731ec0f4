"""Texts to token ids, cut to the model's length. Needs the `tokenizers` library alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Encoding

from apps.retrievers.card import RetrieverCard
from apps.retrievers.tokens import read_tokenizer
from workers.encoders.base import EncoderUnavailable, TokenIds

#: A huge text is cut before it is tokenised. The first length is more than enough for prose; where it is not
#: (tables are full of spaces), the second is tried. 5 MB of nonsense cost no more than a few pages.
_CHARACTERS_A_TOKEN, _AT_MOST = 16, 1_000
TokenRows = Sequence[Sequence[int]]
_PAD_TOKENS = ("[PAD]", "<pad>", "<|endoftext|>", "</s>")


class TextTokenizer:
    def __init__(self, card: RetrieverCard, checkpoint: Path) -> None:
        self._tokenizer = read_tokenizer(checkpoint)
        self._tokenizer.no_padding()  # files carry a padding and a length that are not the card's
        self._end = self._token_id(card.end_mark) if card.end_mark else None
        self._tokenizer.enable_truncation(card.max_tokens - (self._end is not None))
        self._max_tokens = card.max_tokens
        self.pad_id = self._find_pad_id()

    @property
    def pad_token(self) -> str:
        return str(self._tokenizer.id_to_token(self.pad_id))

    def token_ids(self, texts: Sequence[str]) -> TokenRows:
        """Return the ids of each text: special tokens included, at least one, at most the limit."""
        return [self._ended(encoding.ids) or [self.pad_id] for encoding in self._encodings(texts)]

    def cut(self, texts: Sequence[str]) -> list[str]:
        """Return as much of each text as the model reads."""
        ends = [max((end for _, end in encoding.offsets), default=0) for encoding in self._encodings(texts)]
        return [text[:end] for text, end in zip(texts, ends, strict=True)]

    def _encodings(self, texts: Sequence[str]) -> list[Encoding]:
        enough = self._max_tokens * _CHARACTERS_A_TOKEN
        encodings = list(self._tokenizer.encode_batch([text[:enough] for text in texts]))
        for place, (text, encoding) in enumerate(zip(texts, encodings, strict=True)):
            if len(text) > enough and not encoding.overflowing:
                encodings[place] = self._tokenizer.encode(text[: self._max_tokens * _AT_MOST])
        return encodings

    def _ended(self, ids: list[int]) -> list[int]:
        """Close with the end token where the model reads it and the tokenizer did not add it."""
        if self._end is None or (ids and ids[-1] == self._end):
            return ids
        return [*ids, self._end]

    def _token_id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise EncoderUnavailable(f"The tokenizer does not know {token!r}: is it another model's?")
        return found

    def _find_pad_id(self) -> int:
        """Return the pad token's id; any will do, since the mask hides it."""
        found = (self._tokenizer.token_to_id(token) for token in _PAD_TOKENS)
        return next((token_id for token_id in found if token_id is not None), 0)


def padded(rows: TokenRows, *, pad_id: int) -> tuple[TokenIds, TokenIds]:
    """Pad on the right to the longest. Returns ids and attention mask, both (B, T)."""
    lengths = np.array([len(row) for row in rows])
    mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
    ids = np.full(mask.shape, pad_id, dtype=np.int64)
    ids[mask.astype(bool)] = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows])
    return ids, mask
