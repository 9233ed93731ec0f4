"""How a retriever ranks the pool for the query of each example, and where it puts the positives.

Worked out for some thousand examples at a time and kept, so that a killed run goes on with the next ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from apps.retrievers.intents import Intent
from workers.encoders.base import Encoder, Vectors
from workers.exact_search import Rows, top_k
from workers.refinement.examples import Example, key_of, read_examples
from workers.refinement.pool import Pool, open_pool
from workers.refinement.progress import Progress
from workers.vector_store import StoredVectors, VectorStore

_CHUNK = 4_096  # examples ranked in one pass over the pool


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one retriever makes of Q examples. The K passages are the best of those that are not positive."""

    queries: Vectors  #: (Q, D)
    scores: Vectors  #: (Q, K), best first; -inf where the pool has no more
    rows: Rows  #: (Q, K); -1 there
    positive_scores: tuple[Vectors, ...]  #: for each example (P,), in the order of its positives

    def positive_ranks(self, number: int) -> Rows:
        """Return 1 for each positive that no other passage outranks, K + 1 for one that K or more do."""
        return 1 + (self.scores[number] > self.positive_scores[number][:, None]).sum(axis=1)

    def save(self, path: Path) -> None:
        part = path.with_suffix(".part.npz")
        np.savez(
            part,
            queries=self.queries,
            scores=self.scores,
            rows=self.rows,
            positive_scores=np.concatenate(self.positive_scores),
            positive_counts=np.array([len(scores) for scores in self.positive_scores]),
        )
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Ranking":
        with np.load(path) as file:
            borders = np.cumsum(file["positive_counts"])[:-1]
            positive_scores = np.split(file["positive_scores"], borders)
            return cls(file["queries"], file["scores"], file["rows"], tuple(positive_scores))


class Positives:
    """All positives of a query, whichever examples they stand in: none of them is ever a negative of it."""

    def __init__(self, examples: Iterable[Example], pool: Pool) -> None:
        self._pool = pool
        self._rows: dict[tuple[Intent, int], set[int]] = defaultdict(set)
        self._spans: dict[str, set[int]] = defaultdict(set)
        self.examples = 0
        for example in examples:
            self.examples += 1
            rows = pool.rows_of((*example.triple.positives, *example.set_aside))
            self._rows[_query_of(example)].update(rows)
            if example.cut_from:
                self._spans[example.cut_from].update(rows)

    def hidden_rows(self, example: Example) -> set[int]:
        """Return the rows that cannot be negatives: positives, the query itself, what the example was made from.

        Nor can other spans of its document: they may overlap.
        """
        itself = self._pool.rows_of([example.triple.query])
        spans = self._spans.get(example.cut_from, ())
        return {*self._rows[_query_of(example)], *itself, *spans, *self._pool.row_of_source(example.source)}


@dataclass(frozen=True, kw_only=True, slots=True)
class RankingSettings:
    examples: tuple[Path, ...]
    corpora: tuple[Path, ...]
    vectors: Path  #: folder that keeps vectors from run to run
    depth: int  #: passages that are not positive, ranked for each query
    device: str = "cpu"


class RankedExamples:
    """The examples of a run and how each retriever ranks the pool for them; made in the run's folder."""

    def __init__(self, folder: Path, settings: RankingSettings, *, encoders: Mapping[str, Encoder]) -> None:
        self.folder = folder
        self.settings = settings
        self.pool = open_pool(folder, corpora=settings.corpora, examples=settings.examples)
        self._positives = Positives(read_examples(settings.examples), self.pool)
        self.names = tuple(encoders)
        self.passages: list[StoredVectors] = []  #: of the pool, by retriever
        for name, encoder in encoders.items():
            self.passages.append(self._embed(encoder, name))
            self._rank_with(encoder, self.passages[-1], name=name)

    def chunks(self) -> Iterator[tuple[list[Example], list[Ranking]]]:
        """Yield some thousand examples at a time, with each retriever's ranking of them."""
        for number, examples in self._chunks():
            yield examples, [Ranking.load(self._path(name, number)) for name in self.names]

    def hidden_rows(self, example: Example) -> set[int]:
        """Return the rows that cannot be negatives of the example."""
        return self._positives.hidden_rows(example)

    def _embed(self, encoder: Encoder, name: str) -> StoredVectors:
        card = encoder.card
        progress = Progress(self.folder / "progress.json", stage=f"embed with {name}", total=len(self.pool))
        store = VectorStore(self.settings.vectors, encoder)
        return store.embed(map(card.passage_text, self.pool), advance=progress.advance)

    def _rank_with(self, encoder: Encoder, passages: StoredVectors, *, name: str) -> None:
        stage = f"rank with {name}"
        progress = Progress(self.folder / "progress.json", stage=stage, total=self._positives.examples)
        for number, examples in self._chunks():
            path = self._path(name, number)
            if not path.exists():
                self._rank(examples, encoder=encoder, passages=passages).save(path)
            progress.advance(len(examples))

    def _rank(self, examples: Sequence[Example], *, encoder: Encoder, passages: StoredVectors) -> Ranking:
        triples = [example.triple for example in examples]
        queries = encoder.encode([encoder.card.query_text(triple.query, triple.intent) for triple in triples])
        hidden = [self.hidden_rows(example) for example in examples]
        scores, rows = top_k(queries, passages, self.settings.depth, exclude=hidden, device=self.settings.device)
        positive_scores = tuple(
            passages.at(self.pool.rows_of(triple.positives)) @ query
            for triple, query in zip(triples, queries, strict=True)
        )
        return Ranking(queries, scores, rows, positive_scores)

    def _chunks(self) -> Iterator[tuple[int, list[Example]]]:
        remaining = read_examples(self.settings.examples)
        number = 0
        while chunk := list(islice(remaining, _CHUNK)):
            yield number, chunk
            number += 1

    def _path(self, name: str, number: int) -> Path:
        folder = self.folder / "rankings" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{number:06}.npz"


def _query_of(example: Example) -> tuple[Intent, int]:
    return example.triple.intent, key_of(example.triple.query)
