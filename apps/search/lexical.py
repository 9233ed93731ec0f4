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
from django.db.backends.utils import CursorWrapper
from django.db.models import BooleanField, F, FloatField, Func, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from apps.corpora.models import PassageQuerySet
from apps.search.scope import Found, Scope

K1, B = 1.2, 0.75
# Of a long premise the rarest words decide; the others cost time and change nothing.
MAX_TERMS = 24
# Scoring one passage costs about as much as three words of a query: 5 words, 5,000 candidates, 30 ms.
WORK = 40_000
ROW_WORK = 3
# So many hits on telling words are not worth filling up with passages that share only common ones.
ENOUGH = 20
# A scope of this share of the table has the table's statistics.
MOST = 0.5
SAMPLED_PAGES = 100
SAMPLED_PASSAGES = 1_000


@dataclass(frozen=True, slots=True)
class WordsFound:
    """The best passages by words; `weights` says how much each stem of the query told them apart."""

    passages: tuple[Found, ...]
    weights: Mapping[str, float]


def find(text: str, scope: Scope, *, limit: int) -> WordsFound:
    """Return up to `limit` passages of `scope` that share words with `text`, best first by BM25.

    Where `ENOUGH` share its telling words, those that share only common ones may be left out.
    """
    if not (stems := _stems(text)):
        return WordsFound((), {})
    collection = _collection(scope)
    frequencies = collection.frequencies(stems)
    rarest_first = sorted((stem for stem, count in frequencies.items() if count), key=lambda s: (frequencies[s], s))
    weights = {stem: _idf(frequencies[stem], collection) for stem in rarest_first[:MAX_TERMS]}
    found: tuple[Found, ...] = ()
    for candidates in _candidates(scope, frequencies, list(weights)):
        ranked = candidates.annotate(score=_bm25(weights, collection)).order_by("-score", "pk")
        found = tuple(Found(*row) for row in ranked.values_list("pk", "document_id", "kind", "score")[:limit])
        if len(found) >= min(limit, ENOUGH):
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
        """Return in how many passages each stem occurs: counted where rare, estimated where common."""
        with connection.cursor() as cursor:
            cursor.execute(_COMMON_STEMS, [list(stems)])
            shares = dict(cursor.fetchall())
            if self.scope and shares:
                shares = self._shares_in_scope(list(shares), cursor)
            counts = {stem: round(share * self.passages) for stem, share in shares.items()}
            if rare := [stem for stem in stems if stem not in counts]:
                cursor.execute(_COUNT, {"stems": list(map(_quoted, rare)), **_parameters(self.scope)})
                counts.update(zip(rare, (count for _, count in cursor.fetchall()), strict=True))
            return counts

    def _shares_in_scope(self, stems: Sequence[str], cursor: CursorWrapper) -> dict[str, float]:
        step = max(1, round(self.passages / SAMPLED_PASSAGES))
        cursor.execute(_SHARES, {"stems": list(map(_quoted, stems)), "step": step, **_parameters(self.scope)})
        return dict(zip(stems, (share for _, share in cursor.fetchall()), strict=True))


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


def _parameters(scope: Scope | None) -> dict[str, Any]:
    if scope is None:
        return {"corpora": None, "kinds": None}
    return {"corpora": list(scope.corpora), "kinds": list(scope.kinds) or None}


_IN_SCOPE = (
    "(%(corpora)s::bigint[] IS NULL OR corpus_id = ANY (%(corpora)s::bigint[])) "
    "AND (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[]))"
)
_FROM_SCOPE = f"FROM corpora_passage WHERE {_IN_SCOPE}"
# Nothing hangs on the last digit of an average.
_SAMPLE = "SELECT count(*), avg(tokens) FROM corpora_passage TABLESAMPLE SYSTEM (%s) REPEATABLE (0)"
# ANALYZE keeps the thousand commonest stems of the column with their share of the rows.
_COMMON_STEMS = """
SELECT common.stem, common.share
FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS common (stem, share)
WHERE schemaname = current_schema AND tablename = 'corpora_passage' AND attname = 'words'
  AND common.stem = ANY (%s)
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
_SHARES = f"""
WITH sample AS MATERIALIZED (SELECT words {_FROM_SCOPE} AND id %% %(step)s = 0)
SELECT place, count(*) FILTER (WHERE words @@ stem::tsquery)::float / greatest(count(*), 1)
FROM unnest(%(stems)s::text[]) WITH ORDINALITY AS asked (stem, place) LEFT JOIN sample ON true
GROUP BY place ORDER BY place
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


def _bm25(weights: Mapping[str, float], collection: _Collection) -> RawSQL:
    """Return the sum over stems of idf · tf · (k1 + 1) / (tf + norm), written so that tf occurs once.

    In SQL, because Django takes longer to put such a sum together than PostgreSQL to work it out.
    """
    # Cast, or PostgreSQL reckons in exact decimals and takes half as long again.
    norm = f"({K1 * (1 - B)}::float8 + {K1 * B / collection.average_tokens}::float8 * tokens)"
    terms = [f"%s * (1 - {norm} / ({OCCURRENCES} + {norm}))"] * len(weights)
    params = [value for stem, idf in weights.items() for value in (idf * (K1 + 1), _quoted(stem))]
    return RawSQL(" + ".join(terms), params, output_field=FloatField())  # noqa: S611 - numbers of our own


# How often one stem occurs, exactly: for a single stem ts_rank is (1 + 1/4 + … + 1/tf²) / 1.6449341, and
# the missing tail of that sum is 1 / (tf + ½) within 5 %, so that rounding gives tf back.
OCCURRENCES = "round(1 / (1.6449341 - 1.6449341 * ts_rank('{1,1,1,1}', words, %s::tsquery)) - 0.5)"


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
