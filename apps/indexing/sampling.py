"""Some passages out of very many, without sorting all of them."""

from __future__ import annotations

import random

from django.db.models import Max, Min

from apps.corpora.models import Passage

_ROUNDS = 3


def some_passages(count: int, *, seed: int | None = None) -> list[str]:
    """Return the texts of up to `count` different passages drawn by chance; the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
    bounds = Passage.objects.aggregate(low=Min("pk"), high=Max("pk"))
    if bounds["low"] is None:
        return []
    found: dict[int, str] = {}
    for _ in range(_ROUNDS):  # ids have gaps where documents were deleted
        drawn = [chance.randint(bounds["low"], bounds["high"]) for _ in range(2 * count)]
        found.update(Passage.objects.filter(pk__in=drawn).order_by("pk").values_list("pk", "text"))
        if len(found) >= count:
            break
    if len(found) < count:
        found.update(Passage.objects.order_by("pk").values_list("pk", "text")[: 2 * count])
    texts = list(found.values())
    return chance.sample(texts, min(count, len(texts)))
