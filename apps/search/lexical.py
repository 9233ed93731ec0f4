"""The search by words: BM25 over PostgreSQL's full text.

`ts_rank` alone knows neither how rare a word is nor how long a passage, and an AND of all words
answers hardly any question. So the rarest words of the query pick the candidates by the GIN index,
and BM25 (Robertson & Zaragoza 2009) orders them by all words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import SearchQueryField
from django.db import connection
from django.db.models import BooleanField, Expression, F, FloatField, Func, Value
from django.db.models.functions import Cast

from apps.corpora.models import PassageQuerySet
from apps.search.scope import Found, Scope

K1, B = 1.2, 0.75
# Of a long premise the rarest words decide; the others cost time and change nothing.
MAX_TERMS = 24
# Scoring one passage costs about as much as three words of a query: 5 words, 5,000 candidates, 30 ms.
WORK = 40_000
ROW_WORK = 3
# A scope of this share of the table has the table's statistics.
MOST = 0.5
SAMPLED_PAGES = 100


@dataclass(frozen=True, slots=True)
class WordsFound:
    """The best passages by words; `weights` says how much each stem of the query told them apart."""

    passages: tuple[Found, ...]
    weights: Mapping[str, float]


def find(text: str, scope: Scope, *, limit: int) -> WordsFound:
    """Return up to `limit` passages of `scope` that share words with `text`, best first by BM25."""
    if not (stems := _stems(text)):
        return WordsFound((), {})
    collection = _collection(scope)
    frequencies = collection.frequencies(stems)
    rarest_first = sorted((stem for stem, count in frequencies.items() if count), key=lambda s: (frequencies[s], s))
    weights = {stem: _idf(frequencies[stem], collection) for stem in rarest_first[:MAX_TERMS]}
    found: tuple[Found, ...] = ()
    for candidates in _candidates(scope, frequencies, list(weights)):
        ranked = candidates.annotate(score=_bm25(weights, collection)).order_by("-score", "pk")
        found = tuple(Found(*row) for row in ranked.values_list("pk", "document_id", "score")[:limit])
        if len(found) == limit:
            break
    return WordsFound(found, weights)


def _candidates(scope: Scope, frequencies: Mapping[str, int], stems: Sequence[str]) -> Iterator[PassageQuerySet]:
    """Yield ever wider sets of passages worth scoring; the last holds all that share a word."""
    if not stems:
        return
    passages = scope.passages()
    at_most = WORK // (ROW_WORK + len(stems))
    telling = _rarest_within(at_most, stems, frequencies)
    if len(telling) == len(stems):
        yield passages.filter(_has(stems, " | "))
        return
    if telling:
        yield passages.filter(_has(telling, " | "))
    else:
        # Common words only: those who hold all of them, and of too many the newest.
        newest = passages.filter(_has(stems, " & ")).order_by("-pk").values("pk")[:at_most]
        yield passages.filter(pk__in=newest)
    yield passages.filter(_has(stems, " | "))


def _rarest_within(at_most: int, stems: Sequence[str], frequencies: Mapping[str, int]) -> list[str]:
    taken, passages = [], 0
    for stem in stems:
        passages += frequencies[stem]
        if passages > at_most:
            break
        taken.append(stem)
    return taken


# -- Statistics ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Collection:
    """What BM25 must know of the passages that a scope draws from; dates are left out of account."""

    passages: float
    average_tokens: float
    scope: Scope | None  #: None for the whole table

    def frequencies(self, stems: Sequence[str]) -> dict[str, int]:
        """Return in how many passages each stem occurs; of the whole table common ones by the planner's estimate."""
        with connection.cursor() as cursor:
            if self.scope:
                cursor.execute(_COUNT_IN_SCOPE, {"stems": list(map(_quoted, stems)), **_parameters(self.scope)})
                return dict(zip(stems, (count for _, count in cursor.fetchall()), strict=True))
            cursor.execute(_COMMON_STEMS, [list(stems)])
            counts = {stem: round(share * self.passages) for stem, share in cursor.fetchall()}
            rare = [stem for stem in stems if stem not in counts]
            cursor.execute(_COUNT, {"stems": list(map(_quoted, rare))})
            counts.update(zip(rare, (count for _, count in cursor.fetchall()), strict=True))
            return counts


def _collection(scope: Scope) -> _Collection:
    """Return the statistics of the whole table when `scope` is most of it, else of its corpora and kinds.

    How telling a word is depends on the corpus: "covid" says little among papers on COVID.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples, relpages FROM pg_class WHERE oid = 'corpora_passage'::regclass")
        passages, pages = cursor.fetchone()
        cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT 1 {_FROM_SCOPE}", _parameters(scope))
        estimate = cursor.fetchone()[0][0]["Plan"]["Plan Rows"]
        if estimate < passages * MOST:
            cursor.execute(f"SELECT count(*), avg(tokens) {_FROM_SCOPE}", _parameters(scope))
            within, average = cursor.fetchone()
            return _Collection(max(within, 1), float(average or 1), scope)
        percent = min(100.0, SAMPLED_PAGES * 100 / max(pages, 1))
        cursor.execute(_SAMPLE, [percent])
        sampled, average = cursor.fetchone()
        return _Collection(max(passages, sampled, 1), float(average or 1), None)


def _parameters(scope: Scope) -> dict[str, Any]:
    return {"corpora": list(scope.corpora), "kinds": list(scope.kinds) or None}


_FROM_SCOPE = (
    "FROM corpora_passage WHERE corpus_id = ANY (%(corpora)s) "
    "AND (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[]))"
)
# Nothing hangs on the last digit of an average.
_SAMPLE = "SELECT count(*), avg(tokens) FROM corpora_passage TABLESAMPLE SYSTEM (%s) REPEATABLE (0)"
# ANALYZE keeps the thousand commonest stems of the column with their share of the rows.
_COMMON_STEMS = """
SELECT common.stem, common.share
FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS common (stem, share)
WHERE schemaname = current_schema AND tablename = 'corpora_passage' AND attname = 'words'
  AND common.stem = ANY (%s)
"""
_COUNT = """
SELECT place, (SELECT count(*) FROM corpora_passage WHERE words @@ stem::tsquery)
FROM unnest(%(stems)s::text[]) WITH ORDINALITY AS asked (stem, place) ORDER BY place
"""
_COUNT_IN_SCOPE = f"""
SELECT place, (SELECT count(*) {_FROM_SCOPE} AND words @@ stem::tsquery)
FROM unnest(%(stems)s::text[]) WITH ORDINALITY AS asked (stem, place) ORDER BY place
"""


def _stems(text: str) -> list[str]:
    """Return the words of `text` as the index knows them, stop words left out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tsvector_to_array(to_tsvector('english', %s))", [text])
        return cursor.fetchone()[0]


def _idf(frequency: int, collection: _Collection) -> float:
    passages = max(collection.passages, frequency)
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


# -- Expressions -------------------------------------------------------------------------------


def _bm25(weights: Mapping[str, float], collection: _Collection) -> Expression:
    """Return the sum over stems of idf · tf · (k1 + 1) / (tf + norm), written so that tf occurs once."""
    norm = Value(K1 * (1 - B)) + Value(K1 * B / collection.average_tokens) * Cast("tokens", FloatField())
    score: Expression = Value(0.0)
    for stem, idf in weights.items():
        occurrences = _Occurrences(F("words"), _tsquery([stem], ""))
        score = score + Value(idf * (K1 + 1)) * (Value(1.0) - norm / (occurrences + norm))
    return Cast(score, FloatField())


class _Occurrences(Func):
    """How often one stem occurs, exactly.

    For a single stem ts_rank is (1 + 1/4 + … + 1/tf²) / 1.6449341, and the missing tail of that sum is
    1 / (tf + ½) within 5 %: rounding gives tf back.
    """

    template = "round(1 / (1.6449341 - 1.6449341 * ts_rank('{1,1,1,1}', %(expressions)s)) - 0.5)"
    output_field = FloatField()


class _Matches(Func):
    function = ""
    arg_joiner = " @@ "
    output_field = BooleanField()


def _has(stems: Sequence[str], operator: str) -> _Matches:
    return _Matches(F("words"), _tsquery(stems, operator))


def _tsquery(stems: Sequence[str], operator: str) -> Cast:
    """Stems are taken as they are: to_tsquery would stem them a second time."""
    return Cast(Value(operator.join(map(_quoted, stems))), SearchQueryField())


def _quoted(stem: str) -> str:
    return "'" + stem.replace("\\", "\\\\").replace("'", "''") + "'"
