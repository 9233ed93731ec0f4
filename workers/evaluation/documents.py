"""How the passages of a collection are read: as ingestion reads records, so that both search the same texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.corpora.chunking import Chunk, chunk
from apps.corpora.cleaning import clean, clean_line
from apps.corpora.extraction.describing import under_title
from apps.corpora.extraction.records import ExtractedDocument
from apps.retrievers.card import RetrieverCard
from apps.retrievers.intents import Intent
from apps.retrievers.tokens import token_counter
from workers.evaluation.collection import Collection
from workers.records import Passage

Splitter = Callable[[ExtractedDocument], Sequence[Chunk]]  #: cuts a document into pieces read to their end


@dataclass(frozen=True, slots=True)
class Piece:
    """What one vector stands for: a whole passage of a collection or, of a long one, a part."""

    passage: int  #: its passage's position in the collection
    text: str
    heading: str = ""

    @property
    def words(self) -> str:
        """What a search by words reads."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


def pieces_of(collection: Collection, splitter: Splitter | None) -> list[Piece]:
    """Return the pieces of every passage in order; without a splitter, one a passage."""
    kind = "tweet" if {query.intent for query in collection.queries} == {Intent.TWITTER} else None
    return [
        piece
        for position, passage in enumerate(collection.passages)
        for piece in _pieces(position, read(passage, kind=kind), splitter)
    ]


def read(passage: Passage, *, kind: str | None = None) -> ExtractedDocument:
    """Return the passage as a document: its title before the text, but for tweets."""
    title, text = clean_line(passage.title), clean(passage.text)
    text, headings = under_title(title, text) if kind != "tweet" else (text, ())
    return ExtractedDocument(title=title, text=text, headings=headings, kind=kind)


def splitter_for(card: RetrieverCard, *, checkpoint: Path | None) -> Splitter:
    """Return what cuts a document as ingestion does for the model of `card`."""
    count = token_counter(card, folder=checkpoint)

    def count_prompted(text: str) -> int:
        return count(card.passage_text(text))

    return lambda document: chunk(document, max_tokens=card.max_tokens, count_tokens=count_prompted)


def _pieces(position: int, document: ExtractedDocument, splitter: Splitter | None) -> Iterator[Piece]:
    chunks = splitter(document) if splitter else ()
    for each in chunks:
        yield Piece(position, each.text, each.heading)
    if not chunks:  # a passage without a word still has its place in the ranking
        yield Piece(position, document.text)
