"""What a saved search finds that it did not find before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.http import QueryDict

from apps.corpora.models import Document
from apps.search import services
from apps.search.forms import SearchForm
from apps.search.models import SavedSearch
from apps.search.outcome import Asked

if TYPE_CHECKING:
    from apps.accounts.models import User

# Somebody who looks again looks so far, not at what is 200th.
LOOKED_AT = 50


def asked_by(saved: SavedSearch, *, user: User) -> Asked | None:
    """Return what `saved` asks; None where `user` may not search (any more) in anything it names."""
    form = SearchForm.of_link(QueryDict(saved.query_string), corpora=services.readable_corpora(user))
    return form.asked() if form.is_valid() else None


def count_new(saved: SavedSearch, *, user: User, since: datetime) -> int:
    """Count the documents among the best `LOOKED_AT` hits that came in after `since`."""
    asked = asked_by(saved, user=user)
    if asked is None or not Document.objects.readable_by(user).filter(created_at__gt=since).exists():
        return 0
    outcome = services.search(replace(asked, offset=0, limit=LOOKED_AT), user=user, is_live=False)
    return len(new_among({hit.document_id for hit in outcome.hits}, since=since))


def new_among(documents: Collection[int], *, since: datetime) -> set[int]:
    """Return those of `documents` that came in after `since`."""
    return set(Document.objects.filter(pk__in=documents, created_at__gt=since).values_list("pk", flat=True))
