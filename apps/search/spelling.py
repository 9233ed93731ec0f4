"""What a misspelt word was meant to be: the nearest word of the corpora that the person may read.

The words of each corpus are counted behind the scenes (`learn`), so that nobody is told a word of a corpus that
is not theirs. A trigger notes those of deleted passages, and they are counted off within a minute: no word outlives
the documents that said it by more.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from django.db import connection, transaction

from apps.corpora.models import Corpus, Passage
from apps.search.models import WordsRead

# Shorter words are near too many others, and a digit makes a word a code: A47 is not A48 misspelt.
SHORTEST = 4
NEAR_ENOUGH = 0.4
# Passages read in one statement, and how long one turn may last.
PORTION = 2_000
TURN_S = 10.0


def near(words: Collection[str], *, corpora: Collection[int]) -> dict[str, str]:
    """Return the likeliest word of `corpora` for each of `words` that has one near enough."""
    asked = [word for word in words if len(word) >= SHORTEST and word.isalpha()]
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST, {"words": asked, "corpora": list(corpora), "least": NEAR_ENOUGH})
        return dict(cursor.fetchall())


# Of two as near, the commoner one.
_NEAREST = """
SELECT asked.word, best.word
FROM unnest(%(words)s::text[]) AS asked (word) CROSS JOIN LATERAL (
    SELECT v.word
    FROM search_word v
    WHERE v.word %% lower(asked.word) AND v.corpus_id = ANY (%(corpora)s) AND v.word <> lower(asked.word)
    GROUP BY v.word
    HAVING similarity(v.word, lower(asked.word)) >= %(least)s
    ORDER BY similarity(v.word, lower(asked.word)) + 0.03 * ln(sum(v.passages)) DESC, v.word
    LIMIT 1
) AS best
"""


def learn() -> int:
    """Count off the words of passages that went, then count those that came, for `TURN_S` at most; return how many came."""
    until, read = time.monotonic() + TURN_S, 0
    _forget()
    for corpus in Corpus.objects.order_by("pk"):
        WordsRead.objects.get_or_create(corpus=corpus)
        while time.monotonic() < until and (passages := _learn_portion(corpus)):
            read += passages
    return read


def _learn_portion(corpus: Corpus) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        read = WordsRead.objects.select_for_update().get(corpus=corpus)
        _forget()
        portion = Passage.objects.filter(corpus=corpus, pk__gt=read.up_to).order_by("pk")
        passages = list(portion.values_list("pk", flat=True)[:PORTION])
        if passages:
            texts = _TEXTS % (corpus.pk, read.up_to, passages[-1])
            cursor.execute(_COUNT, {"corpus": corpus.pk, "texts": texts, "shortest": SHORTEST})
            read.up_to = passages[-1]
            read.save(update_fields=["up_to"])
    return len(passages)


def _forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_OFF)


# Of a passage that went before it was read nothing was counted.
_COUNT_OFF = """
WITH gone AS (
    DELETE FROM search_wordsgone RETURNING corpus, passage, words
), lost AS (
    SELECT gone.corpus AS corpus_id, said.word, count(*) AS passages
    FROM gone JOIN search_wordsread r ON r.corpus_id = gone.corpus AND gone.passage <= r.up_to, unnest(gone.words) AS said (word)
    GROUP BY gone.corpus, said.word
), forgotten AS (
    DELETE FROM search_word w USING lost
    WHERE w.corpus_id = lost.corpus_id AND w.word = lost.word AND w.passages <= lost.passages
)
UPDATE search_word w SET passages = w.passages - lost.passages FROM lost
WHERE w.corpus_id = lost.corpus_id AND w.word = lost.word AND w.passages > lost.passages
"""

_TEXTS = (
    "SELECT to_tsvector('simple', heading || ' ' || text) FROM corpora_passage "
    "WHERE corpus_id = %d AND id > %d AND id <= %d"
)
_COUNT = """
INSERT INTO search_word (corpus_id, word, passages)
SELECT %(corpus)s, word, ndoc FROM ts_stat(%(texts)s)
WHERE length(word) BETWEEN %(shortest)s AND 30 AND word ~ '^[[:alpha:]]+$'
ON CONFLICT (corpus_id, word) DO UPDATE SET passages = search_word.passages + excluded.passages
"""
