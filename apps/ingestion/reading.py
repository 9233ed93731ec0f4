"""What an ingest worker does with one item: read the file, cut it into passages, store them."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError

from apps.corpora import extraction
from apps.corpora.chunking import Chunk, chunk
from apps.corpora.duplicates import grouping
from apps.corpora.extraction import BadRow, ExtractedDocument, ExtractionFailed
from apps.corpora.extraction.formats import TABLES, format_of
from apps.indexing.models import VectorIndex
from apps.indexing.services import chosen_model
from apps.ingestion import archives, storing
from apps.ingestion.heartbeat import heartbeat
from apps.ingestion.models import KEPT_BAD_ROWS, ItemLost, JobItem
from apps.ingestion.storing import CutDocument
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import CheckpointMissing
from apps.retrievers.family import UnknownRetriever
from apps.retrievers.tokens import token_counter

log = logging.getLogger(__name__)

# What one transaction stores at most: enough to be quick, little enough to lose and to hold locks for.
BATCH_DOCUMENTS = 200
BATCH_PASSAGES = 1_000
# A slow file shows how far it is at least this often.
BATCH_SECONDS = 2.0

Cut = Callable[[ExtractedDocument], list[Chunk]]


def ingest(item_id: int) -> None:
    """Read one waiting item to its end, which is DONE or FAILED with a reason; safe to run twice."""
    item = JobItem.objects.claim(item_id)
    if item is None:
        return
    with heartbeat(item):
        try:
            _read_or_fail(item)
        except ItemLost as lost:
            log.warning("Stopped reading %s: %s", item.name, lost)


def _read_or_fail(item: JobItem) -> None:
    try:
        if extraction.is_archive(Path(item.source.file.path), name=item.name):
            archives.expand(item)
        else:
            Reading(item).run()
    except (ExtractionFailed, CheckpointMissing, UnknownRetriever) as failure:
        item.mark_failed(str(failure))
    except (ItemLost, OperationalError, InterfaceError):
        raise  # the database is away: the item is still ours on paper, and the reaper sends it again
    except Exception:
        reference = uuid.uuid4().hex[:8]
        log.exception("Unexpected error %s while reading item %s (%s)", reference, item.pk, item.name)
        item.mark_failed(
            f"An unexpected error stopped the reading; the file itself is kept. Try it again, and if it "
            f"fails again give your administrator this reference: {reference}."
        )


@dataclass(slots=True)
class Reading:
    """One file on its way into the database, a batch at a time."""

    item: JobItem
    is_table: bool = False
    batch: list[CutDocument] = field(default_factory=list)
    batch_passages: int = 0
    found: int = 0
    bad_rows: list[dict[str, object]] = field(default_factory=list)
    bad_row_count: int = 0
    stored_at: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Store all the file gives; raise ExtractionFailed where it gives nothing."""
        path, name = Path(self.item.source.file.path), self.item.name
        if self.item.starts_over:
            self.item.start_over()
        mapping = self._mapping(path)
        self.is_table = mapping is not None
        cut = passage_cutter()
        for record in extraction.extract(path, name=name, kind=self.item.kind, mapping=mapping):
            if isinstance(record, BadRow):
                self._note(record)
            else:
                self._add(record, cut)
            if self._is_due():
                self._flush()
        self._flush()
        if not self.found:
            raise ExtractionFailed(self._nothing_found())
        self.item.mark_done()

    def _mapping(self, path: Path) -> dict[str, object] | None:
        """Return which column means what, kept on the item to be seen and corrected; None for no table."""
        name = self.item.name
        is_new_table = self.item.mapping is None and format_of(path, name=name) in TABLES
        if is_new_table and (guess := extraction.guess_mapping(path, name=name)):
            self.item.mapping = guess.to_dict()
            self.item.set_mapping(self.item.mapping)
        return self.item.mapping

    def _add(self, document: ExtractedDocument, cut: Cut) -> None:
        chunks = cut(document)
        if not chunks:
            return
        key = storing.fingerprint(document, file_hash=self.item.source_id, is_row=self.is_table)
        self.batch.append(CutDocument(document=document, fingerprint=key, chunks=chunks))
        self.batch_passages += len(chunks)
        self.found += 1

    def _note(self, row: BadRow) -> None:
        self.bad_row_count += 1
        if len(self.bad_rows) < KEPT_BAD_ROWS:
            self.bad_rows.append({"number": row.number, "name": "", "reason": row.reason})

    def _is_due(self) -> bool:
        full = len(self.batch) >= BATCH_DOCUMENTS or self.batch_passages >= BATCH_PASSAGES
        return full or time.monotonic() - self.stored_at > BATCH_SECONDS

    def _flush(self) -> None:
        if self.batch:
            # After the transaction: comparing goes one worker at a time, and a crash in between is made good
            # when the item is read again.
            grouping.compare(storing.store(self.item, self.batch))
        if self.bad_row_count:
            self.item.set_bad_rows(self.bad_rows, count=self.bad_row_count)
        self.batch, self.batch_passages, self.stored_at = [], 0, time.monotonic()

    def _nothing_found(self) -> str:
        if self.bad_rows:
            first = self.bad_rows[0]
            return (
                f"None of its {self.bad_row_count} rows could be read. Row {first['number']}: {first['reason']} "
                "Check which column holds the text."
            )
        return "There is no text in it. If it is a scan, run text recognition (OCR) over it and upload it again."


def passage_cutter() -> Cut:
    """Return what cuts a document into passages that every model of a growing index reads to their end."""
    models = set(_models_in_use()) or {chosen_model()}
    counters = [(card, token_counter(card, folder=folder or settings.RETRIEVER_FOLDER)) for card, folder in models]
    max_tokens = min(card.max_tokens for card, _ in models)

    def count_tokens(text: str) -> int:
        return max(count(card.passage_text(text)) for card, count in counters)

    return lambda document: chunk(document, max_tokens=max_tokens, count_tokens=count_tokens)


def _models_in_use() -> Iterator[tuple[RetrieverCard, Path | None]]:
    """Yield the models of growing indexes; one that is gone reads nothing, so it has no say in how to cut."""
    for index in VectorIndex.objects.growing():
        try:
            yield index.card, index.folder
        except UnknownRetriever as lost:
            log.warning("Passages are not cut for index %s: %s", index.pk, lost)
