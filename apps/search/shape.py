"""What the texts of a corpus look like, whatever kind it was called: one sign more of what a query asks of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from apps.search.form import Form

_MOSTLY = 0.6
_STATEMENT_WORDS = 45


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """Of the documents sampled: the share that are questions, their length, and how many passages each has."""

    documents: int
    questions: float
    words: float  #: the median, of a document's first passage
    passages: float  #: the mean

    @classmethod
    def of(cls, texts: Sequence[str], *, passages: int) -> Shape:
        """Return the shape of documents that begin with `texts` and have so many `passages` together."""
        if not texts:
            return cls(documents=0, questions=0.0, words=0.0, passages=0.0)
        return cls(
            documents=len(texts),
            questions=sum(bool(Form.of(text).question_sign) for text in texts) / len(texts),
            words=median(len(text.split()) for text in texts),
            passages=passages / len(texts),
        )

    @property
    def are_questions(self) -> bool:
        return self.is_short and self.questions >= _MOSTLY

    @property
    def are_statements(self) -> bool:
        return self.is_short and self.questions < 1 - _MOSTLY

    @property
    def is_short(self) -> bool:
        """Say whether each document is a sentence or two."""
        return 0 < self.words <= _STATEMENT_WORDS and self.passages < 1.1
