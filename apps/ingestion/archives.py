"""A zip becomes further items of its job: one a file in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.core.files import File
from django.db import transaction

from apps.corpora import extraction
from apps.corpora.extraction import ExtractionFailed, UnpackedFile
from apps.corpora.models import StoredFile
from apps.ingestion import services
from apps.ingestion.models import KEPT_BAD_ROWS, JobItem


def expand(item: JobItem) -> None:
    """Make an item of each file in the zip, all of them or none; list on the zip's what was refused."""
    members: list[JobItem] = []
    refused: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="unzip-") as folder:
        for member in extraction.unpack(Path(item.source.file.path), Path(folder), limits=extraction.LIMITS):
            if isinstance(member, UnpackedFile):
                members.append(_member(item, member))
            else:
                refused.append({"number": None, "name": member.name, "reason": member.reason})
    if not members:
        raise ExtractionFailed(f"No file could be taken out of this zip. {_first_reason(refused)}")
    with transaction.atomic():
        JobItem.objects.bulk_create(members, batch_size=1000)
        item.set_bad_rows(refused[:KEPT_BAD_ROWS], count=len(refused))
        item.mark_done()
        services.ask([member.pk for member in members])


def _member(item: JobItem, member: UnpackedFile) -> JobItem:
    with member.path.open("rb") as content:
        stored, _ = StoredFile.objects.keep(File(content))
    member.path.unlink(missing_ok=True)  # kept under its hash now: no need to hold the whole zip twice
    folder = services.tidy_name(item.name).removesuffix(".zip")
    return JobItem(
        job=item.job, parent=item, source=stored, kind=item.kind, name=services.tidy_name(f"{folder}/{member.name}")
    )


def _first_reason(refused: list[dict[str, object]]) -> str:
    if not refused:
        return "It is empty."
    return f"The first, {refused[0]['name']}: {refused[0]['reason']}"
