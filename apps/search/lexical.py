"""The search by words: BM25 over PostgreSQL's full text.

`ts_rank` alone knows neither how rare a word is nor how long a passage, and an AND of all words
answers hardly any question. So the rarest words of the query pick the candidates by the GIN index,
and BM25 (Robertson & Zaragoza 2009) orders them by all words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.postgres.search import SearchQueryField
from django.db import connection
from django.db.models import BooleanField, F, FloatField, Func, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from apps.corpora.models import WORDS, Passage, PassageQuerySet
from apps.retrievers.words import K1, MAX_TERMS, B, codes_in_two, of_repeated, parts_of_codes, telling_words
from apps.search import frequencies, spelling
from apps.search.frequencies import quoted
from apps.search.scope import Found, Scope, any_of

# Fetching one passage costs about as much as scoring it by three words: 5 words, 2,500 candidates.
WORK = 20_000
ROW_WORK = 3
# So many hits on telling words are not worth filling up with passages that share only common ones.
ENOUGH = 20
# Words that so many passages hold say little: which of them come first is left to length and date.
NEWEST = 1_000


@dataclass(frozen=True, slots=True)
class WordsFound:
    """The best passages by words; `weights` says how much each stem of the query told them apart."""

    passages: tuple[Found, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    average_words: float = 1.0
    corrections: Mapping[str, str] = field(default_factory=dict)  #: words that no passage has, and what was meant


def find(text: str, scope: Scope, *, limit: int) -> WordsFound:
    """Return up to `limit` passages of each kind in `scope` that share words with `text`, best first by BM25.

    Where `ENOUGH` share its telling words, those that share only common ones may be left out.
    """
    words = telling_words(text)
    if not (asked := _stems([*words, *map("".join, codes_in_two(words))])):
        return WordsFound()
    collection = frequencies.collection_of(scope)
    counts = collection.frequencies(list(asked))
    unknown = {asked[stem].word for stem in asked if not counts[stem]}
    corrections = spelling.near(unknown, corpora=scope.corpora)
    if meant := _stems([*corrections.values(), *parts_of_codes(unknown)]):
        counts.update(collection.frequencies([stem for stem in meant if stem not in counts]))
    rarest_first = sorted((stem for stem, count in counts.items() if count), key=lambda s: (counts[s], s))
    weights = {
        stem: collection.idf(counts[stem]) * of_repeated((asked.get(stem) or meant[stem]).times)
        for stem in rarest_first[:MAX_TERMS]
    }
    _weigh_joined_codes(weights, codes_in_two(words), asked)
    found: tuple[Found, ...] = ()
    passages = scope.passages(without_corpus_index=collection.is_whole)
    held = {stem: counts[stem] for stem in weights}
    for candidates in _candidates(passages, held, of=collection.passages, newest=scope.passages()):
        found = _best(candidates, weights, average_words=collection.average_words, limit=limit)
        if len(found) >= min(limit, ENOUGH):
            break
    return WordsFound(found, weights, collection.average_words, corrections)


def score(passages: Collection[int], by: WordsFound) -> dict[int, float]:
    """Return what `find` would have given `passages`, though others were better."""
    if not by.weights or not passages:
        return {}
    bm25 = RawSQL(*_bm25(by.weights, average_words=by.average_words), output_field=FloatField())  # noqa: S611
    scored = Passage.objects.filter(pk__in=any_of(passages)).annotate(score=bm25)
    return dict(scored.order_by().values_list("pk", "score"))


def _best(
    candidates: PassageQuerySet, weights: Mapping[str, float], *, average_words: float, limit: int
) -> tuple[Found, ...]:
    """Return the best of each kind, so that a flood of tweets does not wash the reports away."""
    few, few_params = candidates.values("id", "document_id", "kind", "word_count", "words").query.sql_with_params()
    score, score_params = _bm25(weights, average_words=average_words)
    with connection.cursor() as cursor:
        cursor.execute(_RANKED.format(candidates=few, score=score), [*score_params, *few_params, limit])
        return tuple(Found(*row) for row in cursor.fetchall())


# In SQL, because Django can neither weigh the rows of a slice nor leave it to one reading of the table.
_RANKED = """
SELECT id, document_id, kind, score
FROM (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY score DESC, id) AS place
    FROM (SELECT id, document_id, kind, {score} AS score FROM ({candidates}) AS candidate) AS scored
) AS ranked
WHERE place <= %s ORDER BY score DESC, id
"""


def _candidates(
    passages: PassageQuerySet, counts: Mapping[str, int], *, of: float, newest: PassageQuerySet
) -> Iterator[PassageQuerySet]:
    """Yield ever wider sets of passages worth scoring; the last holds all that share a word.

    `counts` says how many `of` all passages hold a stem, rarest first. `newest` are the same passages, for a plan that
    walks them from the newest one until it has enough, and does not fetch all that hold a common word.
    """
    stems = list(counts)
    if not stems:
        return
    at_most = WORK // (ROW_WORK + len(stems))
    telling = _rarest_within(at_most, counts, of=of)
    if len(telling) == len(stems):
        yield passages.filter(_has(stems, " | "))
        return
    if telling:
        yield passages.filter(_has(telling, " | "))
    else:
        # Common words only: those who hold all of them, and of too many the newest.
        yield newest.filter(_has(stems, " & ")).order_by("-pk")[: min(at_most, NEWEST)]
    yield passages.filter(_has(stems, " | "))


def _rarest_within(at_most: int, counts: Mapping[str, int], *, of: float) -> list[str]:
    """Return the rarest stems of which about `at_most` passages hold one or more.

    Words are taken to occur by chance, not to shun each other: of a small collection their counts would add up to more
    passages than it has.
    """
    taken, without = [], 1.0
    for stem, count in counts.items():
        without *= 1 - min(count / of, 1)
        if of * (1 - without) > at_most:
            break
        taken.append(stem)
    return taken


# -- Words and stems ---------------------------------------------------------------------------


def _weigh_joined_codes(
    weights: dict[str, float], codes: Sequence[tuple[str, str]], asked: Mapping[str, _Asked]
) -> None:
    """Let "COVID19" count as much as "COVID 19" does, however few write it in one."""
    for letters, digits in codes:
        apart = sum(
            weight for stem, weight in weights.items() if stem in asked and asked[stem].word in (letters, digits)
        )
        joined = (letters + digits).lower()
        if joined in weights:
            weights[joined] = min(weights[joined], apart or weights[joined])


@dataclass(frozen=True, slots=True)
class _Asked:
    """A stem as the query has it."""

    word: str
    times: int


def _stems(words: Sequence[str]) -> dict[str, _Asked]:
    """Return the stems of `words`, as the index knows them."""
    with connection.cursor() as cursor:
        cursor.execute(_STEMS, [list(words), WORDS])
        return {stem: _Asked(word, times) for stem, word, times in cursor.fetchall()}


_STEMS = """
SELECT stem, min(word), count(*)
FROM unnest(%s::text[]) AS asked (word), unnest(tsvector_to_array(to_tsvector(%s, word))) AS stem
GROUP BY stem
"""


# -- Expressions -------------------------------------------------------------------------------


def _bm25(weights: Mapping[str, float], *, average_words: float) -> tuple[str, list[float | str]]:
    """Return the sum over stems of idf · tf · (k1 + 1) / (tf + norm), written so that tf occurs once; and its parameters."""
    # Cast, or PostgreSQL reckons in exact decimals and takes half as long again.
    norm = f"({K1 * (1 - B)}::float8 + {K1 * B / average_words}::float8 * word_count)"
    terms = [f"%s * (1 - {norm} / ({OCCURRENCES} + {norm}))"] * len(weights)
    return " + ".join(terms), [value for stem, idf in weights.items() for value in (idf * (K1 + 1), quoted(stem))]


# How often one stem occurs, exactly: for a single stem ts_rank is (1 + 1/4 + … + 1/tf²) / 1.6449341, and
# the missing tail of that sum is 1 / (tf + ½) within 5 %, so that rounding gives tf back.
OCCURRENCES = "round(1 / (1.6449341 - 1.6449341 * ts_rank('{1,1,1,1}', words, %s::tsquery)) - 0.5)"


class _Matches(Func):
    function = ""
    arg_joiner = " @@ "
    output_field = BooleanField()


def _has(stems: Sequence[str], operator: str) -> _Matches:
    return _Matches(F("words"), Cast(Value(operator.join(map(quoted, stems))), SearchQueryField()))
