"""Test collections as files that others' tools read: BEIR's folder and TREC's."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from django.utils import timezone

from apps.feedback.collection import JudgedCollection, texts

_COMBINED = {
    "majority": "the grade that most judges gave, the lower one of a tie",
    "mean": "the mean of the judges' grades, rounded, halves up",
}


def write_beir(collection: JudgedCollection, folder: Path) -> None:
    """Write corpus.jsonl, queries.jsonl (the intent in `metadata`) and qrels/test.tsv."""
    _write_common(collection, folder)
    queries = ({"_id": q.id, "text": q.text, "metadata": {"intent": q.intent}} for q in collection.queries)
    _write_lines(folder / "queries.jsonl", map(_json, queries))
    qrels = (f"{qrel.query_id}\t{qrel.passage_id}\t{qrel.grade}" for qrel in collection.qrels)
    _write_lines(folder / "qrels" / "test.tsv", ["query-id\tcorpus-id\tscore", *qrels])


def write_trec(collection: JudgedCollection, folder: Path) -> None:
    """Write topics.tsv, qrels.txt and corpus.jsonl; intents.tsv, as TREC's topics know none."""
    _write_common(collection, folder)
    _write_lines(folder / "topics.tsv", (f"{query.id}\t{query.text}" for query in collection.queries))
    _write_lines(folder / "intents.tsv", (f"{query.id}\t{query.intent}" for query in collection.queries))
    _write_lines(folder / "qrels.txt", (f"{q.query_id} 0 {q.passage_id} {q.grade}" for q in collection.qrels))


FORMATS: Mapping[str, Callable[[JudgedCollection, Path], None]] = {"beir": write_beir, "trec": write_trec}


def zip_folder(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))


def _write_common(collection: JudgedCollection, folder: Path) -> None:
    rows = texts(collection.passages)
    passages = ({"_id": str(pk), "title": title, "text": text} for pk, title, text in rows)
    _write_lines(folder / "corpus.jsonl", map(_json, passages))
    given = (asdict(given) | {"judged_at": given.judged_at.isoformat()} for given in collection.given)
    _write_lines(folder / "judgments.jsonl", map(_json, given))
    _write_lines(folder / "README.txt", _described(collection))


def _described(collection: JudgedCollection) -> Iterable[str]:
    yield f"Judgments exported from dmsearch on {timezone.now():%d %b %Y %H:%MZ}."
    yield f"{len(collection.queries)} queries; {len(collection.given)} judgments by {collection.judges} judges."
    yield "Grades: 0 irrelevant, 1 related, 2 highly relevant, 3 perfectly relevant."
    yield "judgments.jsonl has every judge's own grade; judges are numbered."
    yield f"Where several judged the same: {_COMBINED[collection.combination]}."


def _json(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
