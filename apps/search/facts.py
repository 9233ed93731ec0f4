"""What is known of the passages found, for counting, dating and folding them: one query for all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf.locale import LANG_INFO
from django.db.models import BooleanField, ExpressionWrapper, Q

from apps.corpora.metadata.hazards import TYPES
from apps.corpora.models import Corpus, Kind, Passage
from apps.search.area import Position
from apps.search.facets import Facts
from apps.search.scope import any_of

_LANGUAGES = {code: info["name"] for code, info in LANG_INFO.items() if "name" in info}


@dataclass(frozen=True, slots=True)
class PassageFacts:
    document_id: int
    duplicates_id: int | None  #: the group of near-duplicates that the document is of
    kind: str
    counted: Facts
    main_place: tuple[str, Position] | None = None  #: with its position
    is_passed_on: bool = False  #: a retweet or a quote

    @property
    def published_at(self) -> datetime | None:
        return self.counted.published_at


_PASSED_ON = Q(text__startswith="RT @") | Q(text__startswith="“@") | Q(text__startswith='"@')
_FIELDS = (
    "pk document_id document__duplicates_id corpus__slug kind hazards places event language publisher published_at "
    "latitude longitude is_passed_on"
).split()


def facts_of(passages: Collection[int]) -> dict[int, PassageFacts]:
    """Return the facts of those of `passages` that still exist."""
    found = Passage.objects.filter(pk__in=any_of(passages))
    rows = found.annotate(is_passed_on=ExpressionWrapper(_PASSED_ON, BooleanField())).values_list(*_FIELDS)
    return {pk: _facts(*fields) for pk, *fields in rows}


def _facts(*fields: Any) -> PassageFacts:
    document, duplicates, corpus, kind, hazards, places, event, language, publisher, published_at, *rest = fields
    values = {
        "corpus": [corpus],
        "kind": [kind],
        "hazard": hazards,
        "place": places,
        "event": [event],
        "language": [language],
        "source": [publisher],
    }
    counted = Facts(values=values, published_at=published_at)
    latitude, longitude, is_passed_on = rest
    main_place = (places[0], (latitude, longitude)) if places and latitude is not None else None
    return PassageFacts(document, duplicates, kind, counted, main_place, is_passed_on)


def names_of(corpora: Sequence[Corpus]) -> Mapping[str, Mapping[str, str]]:
    """Return by facet how its values are called where they go by another name."""
    return {
        "corpus": {corpus.slug: corpus.name for corpus in corpora},
        "kind": {kind.value: str(kind.label) for kind in Kind},
        "hazard": {slug: hazard.label.capitalize() for slug, hazard in TYPES.items()},
        "language": _LANGUAGES,
    }
