"""Where nothing was found: which filter hides how much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from apps.search import services
from apps.search.links import query_string, without_filters, without_value
from apps.search.outcome import Asked, Outcome
from apps.search.presenting import Chip

if TYPE_CHECKING:
    from apps.accounts.models import User

# Each is a search of its own, while a person waits.
_TRIED = 4


@dataclass(frozen=True, slots=True)
class Miss:
    """What is found without the filter called `label`; "" is without any."""

    label: str
    found: int
    title: str  #: of the best hit
    query_string: str


def nearest_misses(outcome: Outcome, chips: Iterable[Chip], *, user: User) -> Iterator[Miss]:
    """Yield what is found without one filter of `outcome`, or else without any of them.

    By words alone where the search was so too: each would wait anew for a model that did not answer it.
    """
    chips, asked = list(chips), outcome.asked
    miss_of = partial(_miss, user=user, by_meaning=outcome.mode != "words")
    found = [miss for chip in chips[:_TRIED] if (miss := miss_of(_without(asked, chip), chip.label))]
    if not found and len(chips) > 1 and (miss := miss_of(without_filters(asked), "")):
        found = [miss]
    yield from found


def _without(asked: Asked, chip: Chip) -> Asked:
    return without_value(asked, chip.name, chip.value)


def _miss(asked: Asked, label: str, *, user: User, by_meaning: bool) -> Miss | None:
    outcome = services.search(replace(asked, offset=0, limit=1), user=user, is_live=False, by_meaning=by_meaning)
    if not outcome.hits:
        return None
    return Miss(label, outcome.found, outcome.hits[0].title, query_string(asked))
