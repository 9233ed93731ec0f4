"""Setting right what was found about documents: kept beside them, undone in one go, applied again when they come again."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.corpora.models import Correction, Document, DocumentQuerySet, Passage

if TYPE_CHECKING:
    from apps.accounts.models import User

T = TypeVar("T")

# Rows that one statement changes at most.
_BATCH = 500
_COLUMNS = {"places": ("places", "latitude", "longitude")}
_CHANGED = (*Passage.DESCRIBED, "published_at", "origins")

Values = Mapping[str, Any]  #: by field of `Correction.Field`; each value by column of the document


def columns_of(field: str) -> tuple[str, ...]:
    return _COLUMNS.get(field, (field,))


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """What is done in one go, and undone in one go."""

    by: User | None
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    asked_at: datetime = field(default_factory=timezone.now)  #: what a person set later stays


def correct(documents: DocumentQuerySet, values: Values, *, by: User) -> uuid.UUID:
    """Set `values` on the documents and their passages; return the id of the act, by which it is undone."""
    act = Act(by=by)
    for batch in _batches(documents.order_by("pk").values_list("pk", flat=True)):
        correct_batch(batch, values, act=act)
    return act.id


@transaction.atomic
def correct_batch(document_ids: Collection[int], values: Values, *, act: Act) -> int:
    """Do a part of an act, all or nothing; return how many documents that changed. Doing it again changes nothing."""
    rows = list(Document.objects.select_for_update().filter(pk__in=document_ids).order_by("pk"))
    made = [
        _made(row, field, value, act=act)
        for row in rows
        for field, value in values.items()
        if _now(row, field) != value and not _was_set_after(row, field, act.asked_at)
    ]
    Correction.objects.bulk_create(made)
    by_key = {(row.corpus_id, row.fingerprint): row for row in rows}
    for correction in made:
        _set(by_key[correction.corpus_id, correction.fingerprint], correction)
    changed = {correction.fingerprint for correction in made}
    _save([row for row in rows if row.fingerprint in changed])
    return len(changed)


def undo(corrections: Iterable[Correction]) -> int:
    """Put back what the corrections changed, where nobody has changed it since; return how many documents."""
    return sum(map(undo_batch, _batches(corrections)))


@transaction.atomic
def undo_batch(batch: Collection[Correction]) -> int:
    """Put back what a part of an act changed, all or nothing; return how many documents."""
    newest = {
        (each.corpus_id, each.fingerprint, each.field): each.pk
        for each in Correction.objects.filter(fingerprint__in={each.fingerprint for each in batch}).order_by("pk")
    }
    last = [each for each in batch if newest.get((each.corpus_id, each.fingerprint, each.field)) == each.pk]
    keys = {(each.corpus_id, each.fingerprint): each for each in last}
    rows = [
        row
        for row in Document.objects.select_for_update().filter(fingerprint__in={key[1] for key in keys}).order_by("pk")
        if (row.corpus_id, row.fingerprint) in keys
    ]
    by_key = {(row.corpus_id, row.fingerprint): row for row in rows}
    for correction in last:
        if row := by_key.get((correction.corpus_id, correction.fingerprint)):
            _put(row, correction.before["value"])
            row.origins = {name: origin for name, origin in row.origins.items() if name != correction.field}
            if origin := correction.before["origin"]:
                row.origins[correction.field] = origin
    _save(rows)
    Correction.objects.filter(pk__in=[each.pk for each in last]).delete()
    return len(rows)


def not_stored(values: Values) -> Document:
    """Return a document that says just what is to be set, for showing it in words."""
    document = Document(hazards=[], places=[], event="", language="", publisher="")
    for value in values.values():
        _put(document, value)
    return document


def reapply(documents: Iterable[Document]) -> None:
    """Set on documents that are about to be stored what people once corrected about them; nothing is saved."""
    by_corpus: dict[int, list[Document]] = defaultdict(list)
    for document in documents:
        by_corpus[document.corpus_id].append(document)
    for corpus, rows in by_corpus.items():
        _reapply(Correction.objects.filter(corpus=corpus).select_related("by").order_by("pk"), rows)


def _reapply(made: QuerySet[Correction], rows: Iterable[Document]) -> None:
    by_fingerprint = {row.fingerprint: row for row in rows}
    by_id = {(row.source_id, row.external_id): row for row in rows if row.source_id and row.external_id}
    ids = [external_id for _, external_id in by_id]
    for correction in made.filter(Q(fingerprint__in=by_fingerprint) | Q(external_id__in=ids)):
        row = by_fingerprint.get(correction.fingerprint) or by_id.get((correction.file, correction.external_id))
        if row:
            _set(row, correction)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    each = iter(items)
    while batch := list(islice(each, _BATCH)):
        yield batch


def _was_set_after(row: Document, field: str, moment: datetime) -> bool:
    origin = row.origins.get(field) or {}
    return origin.get("how") == "person" and datetime.fromisoformat(origin["at"]) > moment


def _made(row: Document, field: str, value: Mapping[str, Any], *, act: Act) -> Correction:
    return Correction(
        corpus_id=row.corpus_id,
        fingerprint=row.fingerprint,
        external_id=row.external_id,
        file=row.source_id or "",
        field=field,
        value=value,
        before={"value": _now(row, field), "origin": row.origins.get(field)},
        by=act.by,
        at=act.asked_at,  # when the person said it, not when a worker came to it
        act=act.id,
    )


def _now(row: Document, field: str) -> dict[str, Any]:
    """Return what a field holds, as JSON can keep it."""
    values = {column: getattr(row, column) for column in columns_of(field)}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _set(row: Document, correction: Correction) -> None:
    _put(row, correction.value)
    origin = {"how": "person", "by": correction.by.username if correction.by else "", "at": correction.at.isoformat()}
    row.origins = {**row.origins, correction.field: origin}


def _put(row: Document, values: Mapping[str, Any]) -> None:
    for column, value in values.items():
        is_moment = column == "published_at" and value
        setattr(row, column, datetime.fromisoformat(value) if is_moment else value)


def _save(rows: Sequence[Document]) -> None:
    Document.objects.bulk_update(rows, _CHANGED)
    Passage.objects.all().copy_from_documents([row.pk for row in rows])
