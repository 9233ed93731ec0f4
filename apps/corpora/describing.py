"""What is known of a document, in words: with where each fact came from, and others that say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import F

from apps.corpora.metadata import hazards, languages
from apps.corpora.models import Correction, Document, DocumentQuerySet

if TYPE_CHECKING:
    from apps.accounts.models import User


@dataclass(frozen=True, slots=True)
class Line:
    field: str
    label: str
    values: tuple[str, ...]
    moment: datetime | None
    origin: str  #: "found in the text", "corrected by anna"; "" where the file itself says it


def lines(document: Document) -> Iterator[Line]:
    """Yield what is known of the document, a line a field."""
    values = {
        "hazards": tuple(hazards.label_of(slug) for slug in document.hazards),
        "places": tuple(document.places),
        "event": (document.event,),
        "language": (languages.name_of(document.language),),
        "publisher": (document.publisher,),
    }
    for field in Correction.Field:
        moment = document.published_at if field == Correction.Field.PUBLISHED_AT else None
        said = tuple(filter(None, values.get(field, ())))
        origin = document.origins.get(field, {})
        if said or moment or origin.get("how") == "person":
            yield Line(field, str(field.label), said, moment, _in_words(origin))


def _in_words(origin: dict[str, str]) -> str:
    if origin.get("how") == "person":
        return f"corrected by {origin['by']}" if origin.get("by") else "corrected"
    return "found in the text" if origin.get("how") == "text" else ""


def copies_of(document: Document, user: User) -> DocumentQuerySet:
    """Return the near-duplicates of a document that `user` may read, the newest first."""
    if document.duplicates_id is None:
        return Document.objects.none()
    readable = Document.objects.readable_by(user).filter(duplicates=document.duplicates_id).exclude(pk=document.pk)
    return readable.select_related("corpus").order_by(F("published_at").desc(nulls_last=True), "pk")
