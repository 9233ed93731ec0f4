"""The answers of a list of queries as one table, for a page and for a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Prefetch

from apps.corpora.citing import citation
from apps.corpora.models import Passage
from apps.search.models import QueryHit, QueryItem

if TYPE_CHECKING:
    from apps.accounts.models import User

COLUMNS = (
    "line query read_as chosen note rank title kind corpus author published_at page passage citation url score"
).split()


@dataclass(frozen=True, slots=True)
class Answer:
    """One query with what was found for it that its reader may read."""

    item: QueryItem
    hits: Sequence[QueryHit]


def answers(items: models.QuerySet[QueryItem], *, user: User) -> Iterator[Answer]:
    """Yield the queries with their hits, those of corpora that `user` may not read (any more) left out."""
    passages = Passage.objects.readable_by(user)
    hits = QueryHit.objects.filter(passage__in=passages).select_related("passage__document", "passage__corpus")
    for item in items.prefetch_related(Prefetch("hits", hits.defer("passage__words"), to_attr="readable_hits")):
        yield Answer(item, item.readable_hits)


def rows(found: Iterator[Answer], *, absolute: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    """Yield a row a hit by the names of `COLUMNS`, and one for a query without any."""
    for answer in found:
        query = {
            "line": answer.item.position + 1,
            "query": answer.item.text,
            "read_as": answer.item.intent,
            "chosen": "yes" if answer.item.chosen else "",
            "note": answer.item.why or ("" if answer.item.answered_at else "not answered yet"),
        }
        if not answer.hits:
            yield dict.fromkeys(COLUMNS, "") | query
        for hit in answer.hits:
            yield query | _hit(hit, absolute=absolute)


def _hit(hit: QueryHit, *, absolute: Callable[[str], str]) -> dict[str, Any]:
    passage, document = hit.passage, hit.passage.document
    url = absolute(passage.get_absolute_url())
    return {
        "rank": hit.rank,
        "title": document.title,
        "kind": passage.kind,
        "corpus": passage.corpus.name,
        "author": document.author,
        "published_at": document.published_at.isoformat() if document.published_at else "",
        "page": passage.page,
        "passage": passage.text,
        "citation": citation(
            title=document.title,
            author=document.author,
            source=document.publisher or passage.corpus.name,
            published_at=document.published_at,
            page=passage.page,
            url=url,
        ),
        "url": url,
        "score": round(hit.score, 6),
    }
