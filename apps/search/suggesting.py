"""While one types: how the last word may go on, of the words of corpora that the person may read."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Sum

from apps.search.models import Word

SHORTEST = 3
AT_MOST = 5


def complete(text: str, *, corpora: Collection[int]) -> list[str]:
    """Return `text` with its last word written out, the commonest word first; nothing behind a space."""
    before, _, begun = text.rpartition(" ")
    if len(begun) < SHORTEST or not begun.isalpha():
        return []
    words = Word.objects.filter(corpus__in=corpora, word__startswith=begun.lower()).exclude(word=begun.lower())
    commonest = words.values("word").annotate(found=Sum("passages")).order_by("-found", "word")
    return [f"{before} {row['word']}".lstrip() for row in commonest[:AT_MOST]]
