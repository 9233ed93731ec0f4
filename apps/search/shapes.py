"""Looking at the corpora searched: what shape their newest documents have."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from django.db import connection

from apps.corpora.models import Corpus
from apps.search.shape import Shape

# The newest documents tell; what they look like changes slowly.
SAMPLED = 200
KEPT_S = 300.0


def shapes_of(corpora: Iterable[Corpus]) -> list[Shape]:
    """Return the shape of each corpus that has documents; measured anew every five minutes."""
    wanted, now = [corpus.pk for corpus in corpora], time.monotonic()
    stale = [pk for pk in wanted if pk not in _kept or now - _kept[pk][0] > KEPT_S]
    if stale:
        _kept.update((pk, (now, shape)) for pk, shape in _measured(stale).items())
    return [shape for pk in wanted if (shape := _kept[pk][1]).documents]


def _measured(corpora: Sequence[int]) -> dict[int, Shape]:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {"corpora": list(corpora), "sampled": SAMPLED})
        rows = cursor.fetchall()
    return {
        corpus: Shape.of(
            [text for pk, text, _ in rows if pk == corpus], passages=sum(n for pk, _, n in rows if pk == corpus)
        )
        for corpus in corpora
    }


_NEWEST = """
SELECT corpus.id, passage.text, (SELECT count(*) FROM corpora_passage WHERE document_id = document.id)
FROM unnest(%(corpora)s::bigint[]) AS corpus (id)
CROSS JOIN LATERAL (
    SELECT id FROM corpora_document WHERE corpus_id = corpus.id ORDER BY id DESC LIMIT %(sampled)s
) AS document
JOIN corpora_passage AS passage ON passage.document_id = document.id AND passage.position = 0
"""

_kept: dict[int, tuple[float, Shape]] = {}
