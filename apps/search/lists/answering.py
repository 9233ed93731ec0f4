"""Lists of queries, answered one after the other by a worker: safe to stop, to start twice, and to forget about."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.http import QueryDict
from django.utils import timezone

from apps.corpora.models import Passage
from apps.retrievers.intents import Intent
from apps.search import services
from apps.search.forms import SearchForm
from apps.search.lists.reading import Line
from apps.search.models import QueryHit, QueryItem, QueryList
from apps.search.outcome import Asked, Outcome
from dmsearch import advisory

if TYPE_CHECKING:
    from apps.accounts.models import User

# One task answers for so long, then asks for the next: a worker that is told to stop need not wait.
SLICE_S = 20.0
MAX_ATTEMPTS = 3
# One at a time leaves the encoder to people.
_ANSWERING = "dmsearch.answer_lists"


def make(owner: User, lines: Sequence[Line], *, name: str, query_string: str, hits_each: int) -> QueryList:
    with transaction.atomic():
        made = QueryList.objects.create(owner=owner, name=name, query_string=query_string, hits_each=hits_each)
        QueryItem.objects.bulk_create(
            QueryItem(query_list=made, position=n, text=line.text, chosen=line.intent or "")
            for n, line in enumerate(lines)
        )
    return made


def answer_next(*, seconds: float = SLICE_S) -> bool:
    """Answer waiting queries of all lists in turn for `seconds`; say whether more wait and nobody else is at it."""
    with advisory.alone(_ANSWERING) as alone:
        if not alone:
            return False
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            item = _take()
            if item is None:
                return False
            _answer(item)
    return True


def _take() -> QueryItem | None:
    """Return the next query, first ones of every list first, with this start counted before it can go wrong."""
    waiting = QueryItem.objects.waiting().select_related("query_list__owner")
    item = waiting.order_by("position", "pk").first()
    if item is not None:
        QueryItem.objects.filter(pk=item.pk).update(attempts=F("attempts") + 1)
    return item


def _answer(item: QueryItem) -> None:
    if item.attempts >= MAX_ATTEMPTS:
        _close(item, why=f"Set aside: {MAX_ATTEMPTS} tries did not come to an end.")
        return
    asked = asked_by(item)
    if asked is None:
        _close(item, why="You may no longer search in what this list names.")
        return
    outcome = services.search(asked, user=item.query_list.owner)
    _keep(item, outcome)


def asked_by(item: QueryItem) -> Asked | None:
    """Return what `item` asks, within its list's filters; None where its owner may not search there any more."""
    owner = item.query_list.owner
    form = SearchForm(QueryDict(item.query_list.query_string), corpora=services.readable_corpora(owner))
    if not form.is_valid():
        return None
    chosen = Intent(item.chosen) if item.chosen else None
    return replace(form.asked(limit=item.query_list.hits_each, of_one_document=1), query=item.text, intent=chosen)


def _keep(item: QueryItem, outcome: Outcome) -> None:
    with transaction.atomic():
        item.hits.all().delete()
        there = set(
            Passage.objects.filter(pk__in=[hit.passage_id for hit in outcome.hits]).values_list("pk", flat=True)
        )
        QueryHit.objects.bulk_create(
            QueryHit(item=item, passage_id=hit.passage_id, rank=hit.rank, score=hit.score)
            for hit in outcome.hits
            if hit.passage_id in there  # deleted since it was found
        )
        _close(item, why=outcome.why_words, intent=str(outcome.intent), mode=outcome.mode)


def _close(item: QueryItem, **facts: str) -> None:
    QueryItem.objects.filter(pk=item.pk).update(answered_at=timezone.now(), **facts)


def ask_again(query_list: QueryList) -> int:
    """Let those queries wait again that were not answered, or by words alone; return how many."""
    poor = query_list.items.filter(answered_at__isnull=False).exclude(why="")
    return poor.update(answered_at=None, attempts=0, why="", mode="")
