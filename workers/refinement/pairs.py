"""Pairs of texts that belong together, for unsupervised training: no language model, no labels.

Which intent a kind of pair stands for, the lengths and the number of spans are our choices.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from random import Random

from apps.corpora.sentences import sentences
from apps.retrievers.intents import Intent
from workers.records import Triple
from workers.refinement.documents import SourceDocument
from workers.refinement.examples import Example, key_of

_WORDS = (20, 350)  # of a positive: shorter says too little, longer is not read to its end
_QUERY_WORDS = 3  # at least
_QUERY_SENTENCES, _POSITIVE_SENTENCES = (1, 3), (3, 8)  # of spans
_SPANS = 2  # pairs of spans cut out of one document

#: What a query of each kind asks for.
KINDS = {"title": Intent.QADOC, "heading": Intent.QA, "span": Intent.STS, "event": Intent.FACTCHECK}


class PairMaker:
    """Makes the pairs of one document at a time; `dropped` counts what was left out, by kind and reason."""

    def __init__(self, kinds: Iterable[str], *, survey: "Survey", seed: int = 0) -> None:
        self._makers = {kind: _MAKERS[kind] for kind in kinds}
        self._survey = survey
        self._seed = seed
        self.dropped: Counter[tuple[str, str]] = Counter()

    def pairs(self, document: SourceDocument) -> Iterator[Example]:
        random = Random(f"{self._seed}/{document.id}")  # noqa: S311 - for variety
        for kind, make in self._makers.items():
            for number, (query, positive) in enumerate(make(document, self._survey, random)):
                if reason := _flaw(query, positive) or self._survey.flaw(kind, query):
                    self.dropped[kind, reason] += 1
                    continue
                triple = Triple(query=query, intent=KINDS[kind], positives=(positive,))
                yield Example(
                    id=f"{document.id}/{kind}/{number}",
                    triple=triple,
                    source=document.id,
                    kind=kind,
                    episode=document.episode,
                )


class Survey:
    """What must be known of all documents before the first pair: how often titles stand, and what episodes say."""

    def __init__(self, documents: Callable[[], Iterable[SourceDocument]]) -> None:
        self._titles: Counter[int] = Counter()
        wanted = set()
        for document in documents():
            self._titles[key_of(document.title)] += 1
            wanted.add(document.episode)
        self.size = self._titles.total()
        self.episodes: Mapping[str, str] = (
            {each.id: each.text for each in documents() if each.id in wanted} if wanted != {""} else {}
        )

    def flaw(self, kind: str, query: str) -> str:
        """A title over several documents names none of them: its pairs would be each other's false negatives."""
        return "the title stands over several documents" if kind == "title" and self._titles[key_of(query)] > 1 else ""


TextPair = tuple[str, str]


def _title_pairs(document: SourceDocument, _survey: Survey, _random: Random) -> Iterator[TextPair]:
    if document.title:
        yield document.title, _opening(document.text.removeprefix(document.title))


def _heading_pairs(document: SourceDocument, _survey: Survey, _random: Random) -> Iterator[TextPair]:
    """Put the document's title before the heading: "Introduction" alone stands over everything."""
    starts = [*(heading.start for heading in document.headings), len(document.text)]
    for start, end in pairwise(starts):
        heading, _, section = document.text[start:end].partition("\n")
        if key_of(heading) != key_of(document.title):
            yield ": ".join(filter(None, (document.title, heading.strip()))), _opening(section)


def _span_pairs(document: SourceDocument, _survey: Survey, random: Random) -> Iterator[TextPair]:
    """Cut two spans of whole sentences that do not overlap (independent cropping, arXiv 2112.09118)."""
    spans = [document.text[start:end] for start, end in sentences(document.text)]
    shortest = _POSITIVE_SENTENCES[0]
    if len(spans) < 2 * shortest:
        return
    for _ in range(_SPANS):
        border = random.randrange(shortest, len(spans) - shortest + 1)
        halves = [spans[:border], spans[border:]]
        random.shuffle(halves)
        yield _crop(halves[0], _QUERY_SENTENCES, random), _crop(halves[1], _POSITIVE_SENTENCES, random)


def _event_pairs(document: SourceDocument, survey: Survey, _random: Random) -> Iterator[TextPair]:
    if document.episode:
        event = " ".join(f"{document.title}. {document.text}".split()).removeprefix(". ")
        yield event, _opening(survey.episodes.get(document.episode, ""))


_MAKERS: dict[str, Callable[[SourceDocument, Survey, Random], Iterator[TextPair]]] = {
    "title": _title_pairs,
    "heading": _heading_pairs,
    "span": _span_pairs,
    "event": _event_pairs,
}


def _crop(spans: list[str], lengths: tuple[int, int], random: Random) -> str:
    length = min(random.randint(*lengths), len(spans))
    start = random.randrange(len(spans) - length + 1)
    return " ".join(spans[start : start + length])


def _opening(text: str) -> str:
    """Return the first whole sentences, up to as many words as a retriever reads."""
    words, end = 0, 0
    for span in sentences(text):
        words += len(text[span.start : span.end].split())
        if words > _WORDS[1] and end:
            break
        end = span.end
    return text[:end].strip()


def _flaw(query: str, positive: str) -> str:
    if len(query.split()) < _QUERY_WORDS:
        return "the query is too short"
    if len(positive.split()) < _WORDS[0]:
        return "the positive is too short"
    if key_of(query) == key_of(positive):
        return "the query is the positive"
    return ""
