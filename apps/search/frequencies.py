"""How telling a word is: in how many passages it occurs, of those that a search draws from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from apps.search.lately import Lately
from apps.search.scope import Scope

# A scope of this share of the table has the table's statistics.
MOST = 0.5
SAMPLED_PAGES = 100
SAMPLED_PASSAGES = 1_000
LARGE = 10_000
# What so many passages hold is not worth counting.
COMMON = 100
# What fewer of those sampled hold is counted after all: the sample may have missed a word that its corpus has.
SURE = 10


@dataclass(frozen=True, slots=True)
class Collection:
    """What BM25 must know of the passages that a scope draws from; dates are left out of account."""

    passages: float
    average_words: float
    scope: Scope
    is_whole: bool  #: the scope is most of the table and has the table's statistics

    def idf(self, frequency: int) -> float:
        passages = max(self.passages, frequency)
        return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))

    def frequencies(self, stems: Sequence[str]) -> dict[str, int]:
        """Return in how many passages each stem occurs: counted where rare, estimated where common.

        Rare ones are counted in scope alone, so that nobody can tell whether a corpus of others has a word.
        """
        if not self.is_large:
            return self._frequencies(stems)
        within = _drawn_from(self.scope)
        known = {stem: count for stem in stems if (count := _counts.get((within, stem))) is not None}
        counted = self._frequencies([stem for stem in stems if stem not in known])
        for stem, count in counted.items():
            if count:  # a word that nobody has may come in with the next file
                _counts.keep((within, stem), count)
        return {stem: known.get(stem) or counted[stem] for stem in stems}

    @property
    def is_large(self) -> bool:
        """Say whether its statistics are worth keeping for a while: those of a small one change with each file."""
        return self.passages >= LARGE

    def _frequencies(self, stems: Sequence[str]) -> dict[str, int]:
        if not stems:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(_COMMON_STEMS, [list(stems), COMMON / self.passages])
            shares = dict(cursor.fetchall())
            if shares and not self.is_whole:
                counts = self._counts_in_scope(list(shares), cursor)
            else:
                counts = {stem: round(share * self.passages) for stem, share in shares.items()}
            if rare := [stem for stem in stems if stem not in counts]:
                cursor.execute(_COUNT, {"stems": list(map(quoted, rare)), **_parameters(self.scope)})
                counts.update(zip(rare, (count for _, count in cursor.fetchall()), strict=True))
            return counts

    def _counts_in_scope(self, stems: Sequence[str], cursor: CursorWrapper) -> dict[str, int]:
        """Return how many passages in scope hold what many of the table do: for this scope each may be rare."""
        step = max(1, round(self.passages / SAMPLED_PASSAGES))
        cursor.execute(_SAMPLED, {"stems": list(map(quoted, stems)), "step": step, **_parameters(self.scope)})
        sampled = [(stem, hits, of) for stem, (hits, of) in zip(stems, cursor.fetchall(), strict=True)]
        counts = {stem: round(hits * self.passages / max(of, 1)) for stem, hits, of in sampled}
        if unsure := [stem for stem, hits, _ in sampled if step > 1 and hits < SURE]:
            counted = ", ".join(_COUNT_IN_SCOPE.format(f"%(stem{place})s") for place in range(len(unsure)))
            named = {f"stem{place}": quoted(stem) for place, stem in enumerate(unsure)}
            cursor.execute(f"SELECT {counted}", {**named, **_parameters(self.scope)})
            counts.update(zip(unsure, cursor.fetchone(), strict=True))
        return counts


def collection_of(scope: Scope) -> Collection:
    """Return the statistics of the whole table when `scope` is most of it, else of its corpora and kinds.

    How telling a word is depends on the corpus: "covid" says little among papers on COVID.
    """
    key = _drawn_from(scope)
    if known := _collections.get(key):
        return known
    collection = _collection_of(scope)
    if collection.is_large:
        _collections.keep(key, collection)
    return collection


def _collection_of(scope: Scope) -> Collection:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples, relpages FROM pg_class WHERE oid = 'corpora_passage'::regclass")
        passages, pages = cursor.fetchone()
        cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT 1 {_FROM_SCOPE}", _parameters(scope))
        estimate = cursor.fetchone()[0][0]["Plan"]["Plan Rows"]
        if estimate < passages * MOST:
            cursor.execute(f"SELECT count(*), avg(word_count) {_FROM_SCOPE}", _parameters(scope))
            within, average = cursor.fetchone()
            return Collection(max(within, 1), float(average or 1), scope, is_whole=False)
        percent = min(100.0, SAMPLED_PAGES * 100 / max(pages, 1))
        cursor.execute(_SAMPLE, [percent])
        sampled, average = cursor.fetchone()
        return Collection(max(passages, sampled, 1), float(average or 1), scope, is_whole=True)


_Drawn = tuple[tuple[int, ...], tuple[str, ...]]
_collections: Lately[_Drawn, Collection] = Lately()
_counts: Lately[tuple[_Drawn, str], int] = Lately(at_most=20_000)


def _drawn_from(scope: Scope) -> _Drawn:
    """Return what of a scope its statistics depend on."""
    return scope.corpora, scope.kinds


def _parameters(scope: Scope) -> dict[str, Any]:
    return {"corpora": list(scope.corpora), "kinds": list(scope.kinds) or None}


_IN_SCOPE = "corpus_id = ANY (%(corpora)s::bigint[]) AND (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[]))"
_FROM_SCOPE = f"FROM corpora_passage WHERE {_IN_SCOPE}"
# Nothing hangs on the last digit of an average.
_SAMPLE = "SELECT count(*), avg(word_count) FROM corpora_passage TABLESAMPLE SYSTEM (%s) REPEATABLE (0)"
# ANALYZE keeps the thousand commonest stems of the column with their share of the rows.
_COMMON_STEMS = """
SELECT common.stem, common.share
FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS common (stem, share)
WHERE schemaname = current_schema AND tablename = 'corpora_passage' AND attname = 'words'
  AND common.stem = ANY (%s) AND common.share >= %s
"""
# OFFSET 0 keeps the planner from reading a whole corpus for each stem instead of the stem's few passages.
_COUNT = f"""
SELECT place, (
    SELECT count(*)
    FROM (SELECT corpus_id, kind FROM corpora_passage WHERE words @@ stem::tsquery OFFSET 0) AS holding
    WHERE {_IN_SCOPE})
FROM unnest(%(stems)s::text[]) WITH ORDINALITY AS asked (stem, place) ORDER BY place
"""
# Every so many passages, not the first so many: those would be the oldest.
_SAMPLED = f"""
WITH sample AS MATERIALIZED (SELECT words {_FROM_SCOPE} AND id %% %(step)s = 0)
SELECT count(*) FILTER (WHERE words @@ stem::tsquery), count(words)
FROM unnest(%(stems)s::text[]) WITH ORDINALITY AS asked (stem, place) LEFT JOIN sample ON true
GROUP BY place ORDER BY place
"""
# With the stem itself in the statement the planner knows how many passages hold it, and meets them with the corpus's.
_COUNT_IN_SCOPE = f"(SELECT count(*) {_FROM_SCOPE} AND words @@ {{}}::tsquery)"


def quoted(stem: str) -> str:
    """Write a stem as a tsquery of its own: to_tsquery would stem it a second time."""
    return "'" + stem.replace("\\", "\\\\").replace("'", "''") + "'"
