"""Looking for metadata in documents that came before the finders did, or before they learnt something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Left

from apps.corpora import corrections
from apps.corpora.metadata.finding import VERSION, describe
from apps.corpora.metadata.subject import LOOKED_AT, Subject
from apps.corpora.models import Document, DocumentQuerySet, Passage

_AT_ONCE = 200
_COLUMNS = (*Passage.DESCRIBED, "origins", "finder_version")


def not_looked_at() -> DocumentQuerySet:
    """Return the documents that today's finders have not seen."""
    return Document.objects.filter(finder_version__lt=VERSION)


def find_again(documents: DocumentQuerySet) -> Iterator[int]:
    """Describe the documents a batch at a time and yield how many each was; stopped, it goes on where it was."""
    last = 0
    while batch := _batch(documents, after=last):
        for document in batch:
            _describe(document)
        with transaction.atomic():
            _lock(batch)
            corrections.reapply(batch)
            Document.objects.bulk_update(batch, _COLUMNS)
            Passage.objects.all().copy_from_documents([document.pk for document in batch])
        last = batch[-1].pk
        yield len(batch)


def _batch(documents: DocumentQuerySet, *, after: int) -> list[Document]:
    with_text = documents.filter(pk__gt=after).annotate(head=Left("full_text__text", Value(LOOKED_AT)))
    return list(with_text.order_by("pk")[:_AT_ONCE])


def _lock(batch: list[Document]) -> None:
    """Let whoever corrects these documents wait, so that no correction is written over that was not read."""
    ids = [document.pk for document in batch]
    list(Document.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))


def _describe(document: Document) -> None:
    came_with_it = document.origins.get("language", {}).get("how") == "field" or not document.origins
    description = describe(
        Subject(
            title=document.title,
            text=document.head or "",  # type: ignore[attr-defined]
            kind=document.kind,
            author=document.author,
            language=document.language if came_with_it else "",
            published_at=document.published_at,
            metadata=document.metadata,
        )
    )
    for name, value in asdict(description).items():
        setattr(document, name, value)
    document.finder_version = VERSION
