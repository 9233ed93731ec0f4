"""The documents of a corpus as its page lists them: with the state of their passages."""

from __future__ import annotations

from django.core.paginator import Page
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from apps.corpora.models import Corpus, Document
from apps.indexing.models import PendingVector, VectorIndex
from apps.ingestion.forms import DocumentFilter


def documents(corpus: Corpus, form: DocumentFilter) -> QuerySet[Document]:
    """Return the documents that the form asks for, the newest first."""
    found = corpus.documents.order_by("-created_at", "-pk")
    wanted = form.cleaned_data if form.is_valid() else {}
    if title := wanted.get("q"):
        found = found.filter(title__icontains=title)
    if state := wanted.get("state"):
        without = _pending() if state == "ready" else _pending().filter(_STATES[state])
        lacks = Exists(without.filter(passage__document=OuterRef("pk")))
        found = found.filter(~lacks if state == "ready" else lacks)
    return found


def with_states(page: Page[Document]) -> Page[Document]:
    """Give each document on the page its counts of passages, and of those owed and set aside, in two queries."""
    keys = [document.pk for document in page.object_list]
    counts = dict(Document.objects.filter(pk__in=keys).values_list("pk").annotate(n=Count("passages")))
    rows = _pending().filter(passage__document__in=keys).values_list("passage__document")
    pending = {
        key: rest for key, *rest in rows.annotate(**{name: Count("pk", filter=q) for name, q in _STATES.items()})
    }
    for document in page.object_list:
        document.passage_count = counts.get(document.pk, 0)  # type: ignore[attr-defined]
        document.owed_count, document.set_aside_count = pending.get(document.pk, (0, 0))  # type: ignore[attr-defined]
    return page


_STATES = {"owed": Q(reason=""), "set_aside": ~Q(reason="")}


def _pending() -> QuerySet[PendingVector]:
    return PendingVector.objects.filter(index__status=VectorIndex.Status.LIVE)
