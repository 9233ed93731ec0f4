"""A corpus to search: sentences of the exercise, put together anew, with vectors made of the real ones.

The vector of a passage is the mean of the vectors that its model gives to the sentences in it, plus
a little noise: near enough to a real one for timings, and a thousand times cheaper.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from django.db import connection, transaction

import apps.corpora
from apps.corpora.models import Corpus, Document, Kind, Passage
from apps.corpora.sentences import sentences
from apps.indexing import ann, services
from apps.indexing.models import PendingVector, VectorIndex
from apps.retrievers.intents import Intent
from apps.search.encoding import encode_query

_EXERCISE = Path(apps.corpora.__file__).parent / "exercise"
# A report's passage is about as long as the packaged model reads; a tweet is one sentence.
SENTENCES_A_PASSAGE = {Kind.REPORT: (6, 12), Kind.GUIDANCE: (6, 12), Kind.TWEET: (1, 2)}
SHARES = {Kind.REPORT: 0.4, Kind.GUIDANCE: 0.2, Kind.TWEET: 0.4}
PASSAGES_A_DOCUMENT = 5
NOISE = 0.3
BLOCK = 5_000
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Material:
    """Sentences with their vectors, of unit length: (len(sentences), dim)."""

    sentences: Sequence[str]
    vectors: np.ndarray


def gather(index: VectorIndex) -> Material:
    """Read the exercise's sentences and ask the query worker for their vectors."""
    texts = exercise_sentences()
    with ThreadPoolExecutor(8) as pool:
        vectors = list(pool.map(lambda text: encode_query(text, Intent.STS, index=index), texts))
    return Material(texts, np.stack(vectors))


def widened(material: Material, dim: int) -> Material:
    """Turn the vectors into a larger space, every cosine as it was."""
    random = np.random.default_rng(dim)
    turned, _ = np.linalg.qr(random.standard_normal((dim, material.vectors.shape[1]), np.float32))
    return Material(material.sentences, material.vectors @ turned.T)


def queries_near(material: Material, count: int) -> np.ndarray:
    """Return vectors of questions about two sentences each, with noise: (count, dim), of unit length."""
    random = np.random.default_rng(1)
    pairs = random.integers(len(material.vectors), size=(count, 2))
    return noisy(material.vectors[pairs].mean(axis=1), random)


def noisy(vectors: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the vectors' directions with noise in every dimension: (N, D), of unit length."""
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    noisy = vectors + NOISE * random.standard_normal(vectors.shape, np.float32) / np.sqrt(vectors.shape[1])
    return (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)


def exercise_sentences() -> list[str]:
    """Return the exercise's sentences that are neither scraps nor tables, in a fixed order."""
    return sorted({text for text in _exercise_sentences() if 4 <= len(text.split()) <= 60})


def write_passages(texts: Sequence[str]) -> None:
    """Add passages that say so, in one document; each is then owed a vector."""
    corpus = Corpus.objects.create(slug=f"bench-{Corpus.objects.count()}", name="Bench", kind=Kind.REPORT)
    document = Document.objects.create(corpus=corpus, kind=Kind.REPORT, fingerprint=corpus.slug, title="Bench")
    Passage.objects.bulk_create(
        (
            Passage(
                document=document,
                corpus=corpus,
                kind=Kind.REPORT,
                position=position,
                text=text,
                start=0,
                end=len(text),
                tokens=len(text.split()),
            )
            for position, text in enumerate(texts)
        ),
        batch_size=BLOCK,
    )


def _exercise_sentences() -> Iterator[str]:
    for path in sorted(_EXERCISE.glob("*/*.md")):
        text = path.read_text(encoding="utf-8")
        yield from (text[slice(*span)] for span in sentences(text))
    for line in (_EXERCISE / "tweets.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)["text"]


def example_queries() -> list[str]:
    return [row["text"] for row in json.loads((_EXERCISE / "queries.json").read_text(encoding="utf-8"))]


class Filler:
    """Adds passages to an index, the same ones on every machine."""

    def __init__(self, index: VectorIndex, material: Material) -> None:
        self._index, self._material = index, material
        self._choose = random.Random(0)  # noqa: S311 - the same corpus each time is the point
        self._noise = np.random.default_rng(0)
        self._corpora = {
            kind: Corpus.objects.get_or_create(
                slug=f"bench-{kind}", defaults={"name": f"Bench: {kind.label}", "kind": kind}
            )[0]
            for kind in SHARES
        }

    def grow_to(self, passages: int) -> None:
        """Add passages until there are so many, then build the graph anew and let the planner look."""
        if Passage.objects.count() == passages and ann.has_hnsw(self._index):
            return  # kept from an earlier measurement
        self.fill(passages)
        services.tend(self._index)
        self.settle()

    def fill(self, passages: int) -> None:
        """Add passages until there are so many, and leave no graph."""
        with connection.cursor() as cursor:  # a graph in place would take each vector one by one
            cursor.execute(f"DROP INDEX IF EXISTS {ann.hnsw_name(self._index.pk)}")
        while (missing := passages - Passage.objects.count()) > 0:
            with transaction.atomic():
                self._add(min(missing, BLOCK))

    def settle(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_VACUUM)

    def _add(self, count: int) -> None:
        kinds = self._choose.choices(list(SHARES), weights=list(SHARES.values()), k=count)
        chosen = [self._sentences_of(kind) for kind in kinds]
        documents = self._documents(kinds)
        first = Passage.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for document, kind, places in zip(documents, kinds, chosen, strict=True):
                text = " ".join(self._material.sentences[place] for place in places)
                copy.write_row(self._row(document, kind, text))
        added = list(Passage.objects.filter(pk__gt=first).order_by("pk").values_list("pk", flat=True))
        ann.copy_vectors(self._index, added, self._vectors(chosen))
        PendingVector.objects.filter(index=self._index).delete()

    def _sentences_of(self, kind: Kind) -> list[int]:
        return self._choose.choices(
            range(len(self._material.sentences)), k=self._choose.randint(*SENTENCES_A_PASSAGE[kind])
        )

    def _documents(self, kinds: Sequence[Kind]) -> list[Document]:
        """Return the document of each passage: a tweet's own, or one of a few passages."""
        made: list[Document] = []
        last: dict[Kind, list[Document]] = {}
        of_each: list[Document] = []
        for kind in kinds:
            shared = last.setdefault(kind, [])
            if kind == Kind.TWEET or len(shared) % PASSAGES_A_DOCUMENT == 0:
                made.append(self._document(kind))
                shared.append(made[-1])
            else:
                shared.append(shared[-1])
            of_each.append(shared[-1])
        Document.objects.bulk_create(made)
        return of_each

    def _document(self, kind: Kind) -> Document:
        return Document(
            corpus=self._corpora[kind],
            kind=kind,
            fingerprint=f"{self._choose.getrandbits(128):x}",
            title=f"{kind.label} {self._choose.randrange(10**6)}",
            published_at=START + timedelta(minutes=self._choose.randrange(400_000)),
        )

    def _row(self, document: Document, kind: Kind, text: str) -> tuple[object, ...]:
        tokens = int(len(text.split()) * 1.35) + 2
        place = self._choose.getrandbits(30)
        return (
            document.pk,
            place,
            text,
            "",
            0,
            len(text),
            tokens,
            document.corpus_id,
            kind.value,
            document.published_at,
        )

    def _vectors(self, chosen: Sequence[Sequence[int]]) -> np.ndarray:
        means = np.stack([self._material.vectors[places].mean(axis=0) for places in map(list, chosen)])
        return noisy(means, self._noise)


_VACUUM = "VACUUM ANALYZE"
_COPY = (
    'COPY corpora_passage (document_id, position, text, heading, start, "end", tokens, corpus_id, kind, published_at) '
    "FROM STDIN"
)
