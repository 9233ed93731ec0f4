"""Both arms of a search: words at once, meaning as soon as the query's vectors are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, repeat

import numpy as np

from apps.corpora.models import Kind
from apps.indexing.models import VectorIndex
from apps.search import dense, lexical
from apps.search.clock import Clock
from apps.search.encoding import EncoderUnavailable, card_of, encode_query
from apps.search.lexical import WordsFound
from apps.search.outcome import Way
from apps.search.reading import Reading
from apps.search.scope import Found, Scope

# How deep each arm looks, for each reading and each kind: what all rank below this would hardly be looked at.
DEPTH = 100


@dataclass(frozen=True, slots=True)
class ByMeaning:
    """What one reading found, and the query's vector read so."""

    reading: Reading
    found: tuple[Found, ...]
    vector: np.ndarray


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    by_meaning: tuple[ByMeaning, ...] = ()
    by_words: WordsFound
    why_words: str = ""  #: why meaning had no say; "" when it had
    #: Of every passage that either arm found: the highest cosine over the readings, and BM25.
    cosines: Mapping[int, float] = field(default_factory=dict)
    bm25: Mapping[int, float] = field(default_factory=dict)

    @property
    def found(self) -> Mapping[int, Found]:
        """Return each passage once, whichever arms found it."""
        everything = [found for arm in self.by_meaning for found in arm.found]
        return {found.passage_id: found for found in (*everything, *self.by_words.passages)}

    def ways(self) -> dict[int, tuple[Way, ...]]:
        """Tell for each passage how each arm found it."""
        ways: dict[int, tuple[Way, ...]] = {}
        for arm in self.by_meaning:
            for rank, found in enumerate(arm.found, start=1):
                way = Way("dense", arm.reading.intent, rank, found.score)
                ways[found.passage_id] = (*ways.get(found.passage_id, ()), way)
        for rank, found in enumerate(self.by_words.passages, start=1):
            ways[found.passage_id] = (*ways.get(found.passage_id, ()), Way("words", None, rank, found.score))
        return ways


@dataclass(frozen=True, slots=True)
class Search:
    """What both arms are asked: a text, read so and so, within a scope."""

    text: str
    scope: Scope
    readings: Sequence[Reading]
    index: VectorIndex | None

    def run(self, clock: Clock) -> Evidence:
        # Another process encodes, meanwhile we search by words.
        with self._vectors(clock) as vectors:
            with clock.measuring("sql"):
                by_words = lexical.find(self.text, self.scope, limit=DEPTH)
            try:
                by_query = {query: vector.result() for query, vector in vectors.items()}
            except EncoderUnavailable as failure:
                return _of_words_alone(by_words, str(failure))
        if self.index is None:
            return _of_words_alone(by_words, "no search index is live yet")
        with clock.measuring("sql"):
            by_meaning = tuple(self._by_meaning(by_query, self.index))
            return Evidence(
                by_meaning=by_meaning,
                by_words=by_words,
                cosines=_cosines(by_meaning, by_words, index=self.index),
                bm25=_bm25(by_meaning, by_words),
            )

    @contextmanager
    def _vectors(self, clock: Clock) -> Iterator[Mapping[str, Future[np.ndarray]]]:
        """Ask for the vector of each reading, once where the model is told the same for several."""
        if self.index is None or not self.text:
            yield {}
            return
        try:
            card = card_of(self.index)
        except EncoderUnavailable as failure:
            refused: Future[np.ndarray] = Future()
            refused.set_exception(failure)
            yield {"": refused}
            return
        encode = clock.timing("encode", encode_query)
        told = {card.query_text(self.text, reading.intent): reading.intent for reading in self.readings}
        with ThreadPoolExecutor(len(told)) as encoder:
            yield {
                # With the context goes the request's id, which the worker's log lines then carry.
                query: encoder.submit(copy_context().run, partial(encode, self.text, intent, index=self.index))
                for query, intent in told.items()
            }

    def _by_meaning(self, vectors: Mapping[str, np.ndarray], index: VectorIndex) -> Iterator[ByMeaning]:
        for query, vector in vectors.items():
            readings = list(self._told(query, index))
            scopes = [replace(self.scope, kinds=reading.kinds or self.scope.kinds) for reading in readings]
            found = dense.find_in_each(vector, scopes, index=index, limit=DEPTH)
            yield from map(ByMeaning, readings, found, repeat(vector))

    def _told(self, query: str, index: VectorIndex) -> Iterator[Reading]:
        """Yield the readings for which the model is told `query`, each kind once."""
        done: set[Kind] = set()
        for reading in self.readings:
            fresh = tuple(kind for kind in reading.kinds if kind not in done)
            if index.card.query_text(self.text, reading.intent) == query and (fresh or not reading.kinds):
                done.update(fresh)
                yield Reading(reading.intent, fresh)


def _of_words_alone(by_words: WordsFound, why: str) -> Evidence:
    return Evidence(by_words=by_words, why_words=why, bm25={f.passage_id: f.score for f in by_words.passages})


def _cosines(by_meaning: Sequence[ByMeaning], by_words: WordsFound, *, index: VectorIndex) -> dict[int, float]:
    """Return how near each passage is, those that only words found too: nobody should win for being overlooked."""
    cosines: dict[int, float] = {}
    for _, same in groupby(by_meaning, key=lambda arm: id(arm.vector)):
        arms = list(same)
        own = {found.passage_id: found.score for arm in arms for found in arm.found}
        missing = [
            found.passage_id
            for found in by_words.passages
            if found.passage_id not in own and any(arm.reading.searches(found.kind) for arm in arms)
        ]
        for passage, cosine in {**own, **dense.score(missing, arms[0].vector, index=index)}.items():
            cosines[passage] = max(cosine, cosines.get(passage, -1.0))
    return cosines


def _bm25(by_meaning: Sequence[ByMeaning], by_words: WordsFound) -> dict[int, float]:
    own = {found.passage_id: found.score for found in by_words.passages}
    missing = {found.passage_id for arm in by_meaning for found in arm.found} - set(own)
    return {**own, **lexical.score(missing, by_words)}
