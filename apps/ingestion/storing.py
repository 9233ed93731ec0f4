"""Documents and their passages into the database: each document whole or not at all, and once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction

from apps.corpora import corrections
from apps.corpora.chunking import Chunk
from apps.corpora.cleaning import shorten
from apps.corpora.extraction.records import ExtractedDocument
from apps.corpora.metadata.finding import VERSION, describe
from apps.corpora.metadata.subject import Subject
from apps.corpora.models import Document, DocumentText, Passage
from apps.indexing.services import request_embedding_everywhere
from apps.ingestion.models import JobItem


@dataclass(frozen=True, kw_only=True, slots=True)
class CutDocument:
    """A document ready to be stored."""

    document: ExtractedDocument
    fingerprint: str
    chunks: Sequence[Chunk]


def fingerprint(document: ExtractedDocument, *, file_hash: str, is_row: bool) -> str:
    """Say what makes `document` the same as another.

    A tweet or a mail has an id that is its own in all the world. The id of a table's row is its own in that
    table only ("1" is in each of them), so what it says counts too. What is attached to a mail is one of many
    out of one file: what it says tells them apart. Anything else is as its file is.
    """
    if is_row and document.external_id:
        return _hash("row", document.external_id, document.title, document.text)
    facts = {name: value for name, value in document.metadata.items() if name != "row"}  # its place is no matter
    said = (document.title, document.text, document.author, str(document.published_at), facts)
    if is_row:
        return _hash("row", *said)
    if "attached_to" in document.metadata:
        return _hash("attached", file_hash, document.external_id, *said)
    return _hash("id", document.external_id) if document.external_id else file_hash


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def store(item: JobItem, batch: Sequence[CutDocument]) -> list[int]:
    """Store what is new of `batch`, and count on `item`, in one transaction; return the documents' keys.

    Whatever fails or dies in between leaves nothing behind, so that the same batch may come again. Raises
    ItemLost, storing nothing, when this worker no longer holds the item.
    """
    # In the order of the constraint: two workers with the same documents wait for each other and never lock up.
    unique = {cut.fingerprint: cut for cut in sorted(batch, key=lambda cut: cut.fingerprint)}
    described = [_document(item, cut) for cut in unique.values()]
    corrections.reapply(described)
    with transaction.atomic():
        # An update that changes nothing, so that the rows that were there come back with their keys too.
        rows = Document.objects.bulk_create(
            described,
            update_conflicts=True,
            unique_fields=["corpus", "fingerprint"],
            update_fields=["fingerprint"],
        )
        known = set(DocumentText.objects.filter(document__in=rows).values_list("pk", flat=True))
        fresh = [(row, cut) for row, cut in zip(rows, unique.values(), strict=True) if row.pk not in known]
        DocumentText.objects.bulk_create(
            DocumentText(
                document=row,
                text=cut.document.text,
                page_starts=list(cut.document.page_starts),
                headings=[[heading.start, heading.level] for heading in cut.document.headings],
            )
            for row, cut in fresh
        )
        passages = [passage for row, cut in fresh for passage in _passages(row, cut)]
        Passage.objects.bulk_create(passages, batch_size=1000)
        repeats = len(batch) - len(unique) + len(known - _from_earlier_start(item, known))
        item.add_counts(documents=len(fresh), passages=len(passages), duplicates=repeats)
        if passages:
            transaction.on_commit(request_embedding_everywhere, robust=True)
    return [row.pk for row in rows]


def _from_earlier_start(item: JobItem, known: set[int]) -> set[int]:
    """Return the documents among `known` that this very item brought before its worker died."""
    if not item.documents:  # as it was when this start began: nothing came before
        return set()
    own = item.own_documents().filter(pk__in=known, created_at__gte=item.created_at)
    return set(own.values_list("pk", flat=True))


def _document(item: JobItem, cut: CutDocument) -> Document:
    document = cut.document
    subject = Subject(
        title=shorten(document.title or item.name, 500),
        text=document.text,
        kind=document.kind or item.kind,
        author=shorten(document.author, 200),
        language=document.language,
        published_at=document.published_at,
        metadata=document.metadata,
    )
    return Document(
        corpus_id=item.job.corpus_id,
        fingerprint=cut.fingerprint,
        external_id=(document.external_id or "")[:200],
        kind=subject.kind,
        title=subject.title,
        author=subject.author,
        published_at=document.published_at,
        metadata=document.metadata,
        finder_version=VERSION,
        **asdict(describe(subject)),
        source_id=item.source_id,
        file_name=item.name,
    )


def _passages(row: Document, cut: CutDocument) -> list[Passage]:
    return [
        Passage(
            document=row,
            position=position,
            text=chunk.text,
            heading=shorten(chunk.heading, 500),
            page=chunk.page,
            start=chunk.start,
            end=chunk.end,
            tokens=chunk.tokens,
            corpus_id=row.corpus_id,
            **{name: getattr(row, name) for name in Passage.COPIES},
        )
        for position, chunk in enumerate(cut.chunks)
    ]
