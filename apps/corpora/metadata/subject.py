"""A document as the finders look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from apps.corpora.metadata.words import Word, words_of

# Characters that are looked at: what comes further down is rarely what a document is about.
LOOKED_AT = 20_000

# Characters of a name: what is longer is none, and has no room in the database.
LONGEST_PLACE, LONGEST_EVENT = 100, 120


@dataclass(frozen=True, kw_only=True)
class Subject:
    title: str
    text: str
    kind: str
    author: str = ""
    language: str = ""  #: as its file gives it
    published_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def head(self) -> str:
        return self.text[:LOOKED_AT]

    @cached_property
    def words(self) -> Sequence[Word]:
        return words_of(self.head)

    @cached_property
    def own_title(self) -> str:
        """Return the title, unless it is the text's first line or an account's name, and says nothing of its own."""
        return "" if self.kind == "tweet" or self.text.startswith(self.title.rstrip("… ")) else self.title

    @cached_property
    def title_words(self) -> Sequence[Word]:
        return words_of(self.own_title)
