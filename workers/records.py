"""Records at the borders between stages: frozen, checked on the way in, one JSON line each.

Passages and queries use the keys of BEIR's files (`_id`, `metadata`), triples those of
DMRetriever's published training files (`pos`, `neg`), so both read as they are.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from apps.retrievers.intents import Intent, instruction

Json = Mapping[str, Any]
_SYMMETRIC = "symmetric_sts"  # the published files' mark
_INTENT_OF_INSTRUCTION = {instruction(intent): intent for intent in Intent}


class Record(Protocol):
    @classmethod
    def from_json(cls, fields: Json) -> Self: ...

    def to_json(self) -> dict[str, Any]: ...


RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    id: str
    title: str = ""
    text: str

    def __post_init__(self) -> None:
        _require(self.id, "a passage needs an id")

    @classmethod
    def from_json(cls, fields: Json) -> Self:
        return cls(id=_text(fields, "_id"), title=fields.get("title") or "", text=_text(fields, "text"))

    def to_json(self) -> dict[str, Any]:
        return {"_id": self.id, "title": self.title, "text": self.text}


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    id: str
    text: str
    intent: Intent
    exclude: str | None = None  #: id of the passage that is the query itself, left out of rankings

    def __post_init__(self) -> None:
        _require(self.id, "a query needs an id")
        _require(self.text.strip(), f"query {self.id!r} has no text")

    @classmethod
    def from_json(cls, fields: Json) -> Self:
        metadata = fields.get("metadata") or {}
        return cls(
            id=_text(fields, "_id"),
            text=_text(fields, "text"),
            intent=Intent(metadata.get("intent") or _text(fields, "intent")),
            exclude=metadata.get("exclude"),
        )

    def to_json(self) -> dict[str, Any]:
        metadata = {"intent": str(self.intent)} | ({"exclude": self.exclude} if self.exclude else {})
        return {"_id": self.id, "text": self.text, "metadata": metadata}


@dataclass(frozen=True, kw_only=True, slots=True)
class Qrel:
    """A judgement. Grades: 0 not relevant … 3 perfectly relevant."""

    query_id: str
    passage_id: str
    grade: int

    @classmethod
    def from_json(cls, fields: Json) -> Self:
        return cls(
            query_id=_text(fields, "query_id"),
            passage_id=_text(fields, "passage_id"),
            grade=int(fields["grade"]),
        )

    def to_json(self) -> dict[str, Any]:
        return {"query_id": self.query_id, "passage_id": self.passage_id, "grade": self.grade}


@dataclass(frozen=True, kw_only=True, slots=True)
class Triple:
    """A training example. The scores, where there are any, are a teacher's, in the texts' order."""

    query: str
    intent: Intent
    positives: tuple[str, ...]
    negatives: tuple[str, ...] = ()
    positive_scores: tuple[float, ...] = ()
    negative_scores: tuple[float, ...] = ()
    symmetric: bool = False  #: query and passages are of one kind: the instruction goes before both

    def __post_init__(self) -> None:
        _require(self.query.strip(), "a triple needs a query")
        _require(self.positives, f"no positive for query {self.query!r}")
        _check_scores(self.positive_scores, self.positives, of="positive")
        _check_scores(self.negative_scores, self.negatives, of="negative")

    @classmethod
    def from_json(cls, fields: Json) -> Self:
        return cls(
            query=_text(fields, "query"),
            intent=_intent(fields),
            positives=_texts(fields, "pos"),
            negatives=_texts(fields, "neg"),
            positive_scores=tuple(map(float, fields.get("pos_scores") or ())),
            negative_scores=tuple(map(float, fields.get("neg_scores") or ())),
            symmetric=fields.get("type") == _SYMMETRIC,
        )

    def to_json(self) -> dict[str, Any]:
        scores = {"pos_scores": self.positive_scores, "neg_scores": self.negative_scores}
        return {
            "query": self.query,
            "pos": list(self.positives),
            "neg": list(self.negatives),
            "intent": str(self.intent),
            "prompt": instruction(self.intent),
            **({"type": _SYMMETRIC} if self.symmetric else {}),
            **{key: list(values) for key, values in scores.items() if values},
        }


def read_jsonl(path: Path, record: type[RecordT], *, defaults: Json | None = None) -> Iterator[RecordT]:
    """Yield the records of a file; `defaults` fill keys that a line leaves out.

    Raises ValueError naming file and line where a line is not such a record.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield record.from_json({**(defaults or {}), **json.loads(line)})
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path}, line {number}: not a {record.__name__}: {error}") from error


def write_jsonl(path: Path, records: Iterable[Record]) -> int:
    """Write one JSON object a line and return how many."""
    with path.open("w", encoding="utf-8") as file:
        return sum(bool(file.write(_line(record))) for record in records)


def read_qrels(path: Path) -> Iterator[Qrel]:
    """Yield the judgements of a BEIR file: tab-separated query-id, corpus-id, score with a header."""
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter="\t"), start=2):
            try:
                yield Qrel(query_id=row["query-id"], passage_id=row["corpus-id"], grade=int(row["score"]))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path}, line {number}: not a judgement: {error}") from error


def _line(record: Record) -> str:
    return json.dumps(record.to_json(), ensure_ascii=False) + "\n"


def _require(value: object, complaint: str) -> None:
    if not value:
        raise ValueError(complaint)


def _check_scores(scores: tuple[float, ...], texts: tuple[str, ...], *, of: str) -> None:
    if scores and len(scores) != len(texts):
        raise ValueError(f"{len(scores)} {of} scores for {len(texts)} {of}s")


def _text(fields: Json, key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise TypeError(f"{key!r} is {type(value).__name__}, not text")
    return value


def _texts(fields: Json, key: str) -> tuple[str, ...]:
    values = fields[key]
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{key!r} is not a list of texts")
    return tuple(values)


def _intent(fields: Json) -> Intent:
    """Return the intent a line names, or else the one whose instruction it carries."""
    if "intent" in fields:
        return Intent(fields["intent"])
    prompt = str(fields["prompt"]).strip().removesuffix(":")
    if prompt not in _INTENT_OF_INSTRUCTION:
        raise ValueError(f"no intent has the instruction {prompt!r}")
    return _INTENT_OF_INSTRUCTION[prompt]
