"""What is asked of a search and what comes back: frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from django.db.models import TextChoices

from apps.corpora.models import Kind
from apps.retrievers.intents import Intent
from apps.search.area import Box, Point
from apps.search.facets import Facet, Timeline
from apps.search.intent import LABELS, Detection
from apps.search.marking import Excerpt

Mode = Literal["hybrid", "dense", "words"]
Arm = Literal["dense", "words"]


class Sort(TextChoices):
    """In which order the best hits are shown."""

    RELEVANCE = "", "Best first"
    NEWEST = "newest", "Newest first"
    OLDEST = "oldest", "Oldest first"


class Recency(TextChoices):
    """How much newer documents are preferred, once both arms have been fused."""

    OFF = "", "Whatever the date"
    GENTLE = "gentle", "Rather newer ones"
    STRONG = "strong", "Newest matter most"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    query: str
    intent: Intent | None = None  #: None: to be detected
    corpora: tuple[str, ...] = ()  #: slugs; none: all that the person may read
    kinds: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    hazards: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    box: Box | None = None  #: on the map
    sort: Sort = Sort.RELEVANCE
    recency: Recency = Recency.OFF
    new_since: datetime | None = None  #: documents that came in later are marked as new
    offset: int = 0
    limit: int = 10
    #: A page shows at most this many passages of one document and folds the rest; None: all.
    of_one_document: int | None = None

    @property
    def chosen(self) -> Mapping[str, tuple[str, ...]]:
        """Return the values chosen, by the name that each filter has in a URL."""
        return {
            "corpus": self.corpora,
            "kind": self.kinds,
            "hazard": self.hazards,
            "place": self.places,
            "event": self.events,
            "language": self.languages,
            "source": self.sources,
        }


@dataclass(frozen=True, slots=True)
class Way:
    """How one arm of the search found a hit."""

    arm: Arm
    intent: Intent | None  #: as which the model read the query; words are read one way
    rank: int  #: from 1, within the arm
    score: float  #: a cosine, or BM25

    @property
    def digits(self) -> int:
        """Return how many decimals of the score say something: BM25 moves a little with passages of others."""
        return 3 if self.arm == "dense" else 1


@dataclass(frozen=True, slots=True)
class Folded:
    """A further passage of the same document."""

    url: str
    page: int | None
    heading: str
    best: str = ""  #: its best sentence; of the first few only


@dataclass(frozen=True, slots=True)
class Copy:
    """Another document that says the same: a retweet, a copy, a report issued again."""

    url: str
    title: str
    author: str
    corpus_name: str
    published_at: datetime | None


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
    ways: tuple[Way, ...]
    matched: tuple[str, ...] = ()  #: words of the query that the passage holds, as they stand in it
    model: str  #: which model's meaning, where the hit was found by meaning
    folded: tuple[Folded, ...] = ()  #: further passages of the same document
    copies: tuple[Copy, ...] = ()  #: near-duplicates of its document, the newest of them
    copy_count: int = 0  #: how many there are, of which `copies` may hold only some

    @property
    def ranks(self) -> Mapping[Arm, int]:
        return {way.arm: way.rank for way in self.ways}

    @property
    def copies_left(self) -> int:
        """Return how many near-duplicates `copies` leaves out."""
        return self.copy_count - len(self.copies)

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
    asked: Asked
    intent: Intent
    detection: Detection
    instruction: str  #: as the model was told; "" when it was trained without, or not asked
    model: str  #: "" while no index is live
    revision: str
    mode: Mode
    why_words: str = ""  #: why the model did not take part
    took_ms: float
    timings: Mapping[str, float] = field(default_factory=dict)  #: ms for "encode" and "sql"
    hits: tuple[Hit, ...]
    found: int  #: rows there are to page through, not only those in `hits`
    facets: tuple[Facet, ...] = ()  #: of all rows, as is the timeline
    points: tuple[Point, ...] = ()  #: where on the map the rows are, most first
    timeline: Timeline | None = None  #: None where fewer than two days have hits
    did_you_mean: str = ""  #: the query with its misspelt words put right

    @property
    def query(self) -> str:
        return self.asked.query

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
