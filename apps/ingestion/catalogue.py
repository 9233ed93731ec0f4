"""The documents of a corpus as its page lists them: with the state of their passages."""

from __future__ import annotations

from django.core.paginator import Page
from django.db.models import Count, Exists, OuterRef, QuerySet

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
        owed = Exists(_pending().filter(passage__document=OuterRef("pk")))
        found = found.filter(owed if state == "owed" else ~owed)
    return found


def with_states(page: Page[Document]) -> Page[Document]:
    """Give each document on the page `passage_count` and `owed_count`, in two queries for all."""
    keys = [document.pk for document in page.object_list]
    of_page = Document.objects.filter(pk__in=keys).values_list("pk")
    counts = dict(of_page.annotate(n=Count("passages")))
    owed = dict(_pending().filter(passage__document__in=keys).values_list("passage__document").annotate(n=Count("pk")))
    for document in page.object_list:
        document.passage_count = counts.get(document.pk, 0)  # type: ignore[attr-defined]
        document.owed_count = owed.get(document.pk, 0)  # type: ignore[attr-defined]
    return page


def _pending() -> QuerySet[PendingVector]:
    return PendingVector.objects.filter(index__status=VectorIndex.Status.LIVE)
