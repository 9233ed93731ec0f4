"""What is asked of a search and what comes back: frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from apps.corpora.models import Kind
from apps.retrievers.intents import Intent
from apps.search.intent import LABELS, Detection
from apps.search.marking import Excerpt

Mode = Literal["hybrid", "dense", "words"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    query: str
    intent: Intent | None = None  #: None: to be detected
    corpora: tuple[str, ...] = ()  #: slugs; none: all that the person may read
    kinds: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    offset: int = 0
    limit: int = 10
    #: A page shows at most this many passages of one document and folds the rest; None: all.
    of_one_document: int | None = None

    @property
    def is_filtered(self) -> bool:
        return bool(self.corpora or self.kinds or self.since or self.until)


@dataclass(frozen=True, slots=True)
class Folded:
    """A further passage of the same document."""

    url: str
    page: int | None
    heading: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    rank: int
    score: float
    passage_id: int
    corpus: str  #: slug
    corpus_name: str
    kind: str
    document_id: int
    external_id: str
    title: str
    heading: str
    page: int | None
    text: str
    excerpt: Excerpt
    url: str
    published_at: datetime | None
    author: str
    metadata: Mapping[str, object]
    ranks: Mapping[str, int]  #: rank in each arm that found it: "dense", "words"
    model: str  #: which model's meaning, where the hit was found by meaning
    folded: tuple[Folded, ...] = ()

    @property
    def kind_label(self) -> str:
        return str(Kind(self.kind).label)

    @property
    def section(self) -> str:
        """Return the headings over the passage, without the document's title, which stands above them."""
        return " > ".join(part for part in self.heading.split(" > ") if part and part != self.title)

    @property
    def found_by(self) -> str:
        """Say which arms found it, and how high."""
        arms = {"dense": f"meaning ({self.model})", "words": "words"}
        ways = [f"{arms[arm]}, no. {rank}" for arm, rank in self.ranks.items()]
        return "Found by " + " and by ".join(ways)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    query: str
    intent: Intent
    detection: Detection
    instruction: str  #: as the model was told; "" when it was trained without
    model: str  #: "" while no index is live
    revision: str
    mode: Mode
    why_words: str = ""  #: why the model did not take part
    took_ms: float
    timings: Mapping[str, float] = field(default_factory=dict)  #: ms for "encode" and "sql"
    hits: tuple[Hit, ...]
    found: int  #: rows there are to page through, not only those in `hits`

    @property
    def is_chosen(self) -> bool:
        """Say whether a person overruled the detection."""
        return self.intent != self.detection.intent

    @property
    def label(self) -> str:
        return LABELS[self.intent]

    @property
    def detected_label(self) -> str:
        return LABELS[self.detection.intent]
