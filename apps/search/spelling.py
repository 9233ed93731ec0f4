"""What a misspelt word was meant to be: the nearest word of the corpora that the person may read.

The words of each corpus are counted behind the scenes (`learn`), so that nobody is told a word of a corpus that
is not theirs. A trigger counts those of deleted passages off again: no word outlives the documents that said it.
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
    """Count the words of passages that came since the last time, for `TURN_S` at most; return how many were read."""
    until, read = time.monotonic() + TURN_S, 0
    for corpus in Corpus.objects.order_by("pk"):
        while time.monotonic() < until and (passages := _learn_portion(corpus)):
            read += passages
    return read


def _learn_portion(corpus: Corpus) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        WordsRead.objects.get_or_create(corpus=corpus)
        read = WordsRead.objects.select_for_update().get(corpus=corpus)
        portion = Passage.objects.filter(corpus=corpus, pk__gt=read.up_to).order_by("pk")
        passages = list(portion.values_list("pk", flat=True)[:PORTION])
        if passages:
            texts = _TEXTS % (corpus.pk, read.up_to, passages[-1])
            cursor.execute(_COUNT, {"corpus": corpus.pk, "texts": texts, "shortest": SHORTEST})
            read.up_to = passages[-1]
            read.save(update_fields=["up_to"])
    return len(passages)


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
