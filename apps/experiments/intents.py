"""How often the detector reads a query as its author meant it, over labelled queries."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import Any

from apps.retrievers.intents import Intent
from apps.search.intent import Detection, detect
from apps.search.shape import Shape

#: What the documents of each development set would be uploaded as.
SET_KINDS = {
    "crisislex_t26": "tweet",
    "disaster_response_messages_dev": "tweet",
    "covid_qa_passage": "guidance",
    "ifrc_dref_learning": "report",
    "covid_qa_doc": "report",
    "who_outbreak_news": "report",
    "checkthat2020_task2": "claim",
    "healthver": "report",
    "covid_fact": "report",
    "healthver_nli": "claim",
    "covid_q_clusters": "other",
    "stsb_hazard": "other",
}

SAMPLED = 500
_PASSAGE_WORDS = 190  # about 256 tokens
_NOTHING: Mapping[str, Any] = {}


class NothingToMeasure(Exception):
    """No labelled query was found; the message says where they were looked for."""


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    set: str
    text: str
    intent: Intent


@dataclass(slots=True)
class Confusion:
    """How queries of each intent were read."""

    counts: dict[Intent, Counter[Intent]] = field(default_factory=lambda: defaultdict(Counter))
    offered: Counter[Intent] = field(default_factory=Counter)  #: where the right reading was at least offered
    reasons: dict[tuple[Intent, Intent], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    examples: dict[tuple[Intent, Intent], str] = field(default_factory=dict)

    def add(self, query: LabelledQuery, detection: Detection) -> None:
        cell = (query.intent, detection.intent)
        self.counts[query.intent][detection.intent] += 1
        self.offered[query.intent] += query.intent in (detection.intent, *detection.alternatives)
        self.reasons[cell]["; ".join(detection.reasons)] += 1
        self.examples.setdefault(cell, query.text)

    @property
    def intents(self) -> list[Intent]:
        return [intent for intent in Intent if intent in self.counts]

    def recall(self, intent: Intent) -> float:
        return self.counts[intent][intent] / self.counts[intent].total()

    @property
    def accuracy(self) -> float:
        """The mean over intents: a set with many queries weighs no more than one with few."""
        return fmean(map(self.recall, self.intents))

    @property
    def accuracy_offered(self) -> float:
        return fmean(self.offered[intent] / self.counts[intent].total() for intent in self.intents)

    @property
    def queries(self) -> int:
        return sum(counts.total() for counts in self.counts.values())

    def misreadings(self) -> Iterator[tuple[Intent, Intent, int, str, str]]:
        """Yield what was meant, how it was read, how often, mostly why, and an example; the commonest first."""
        wrong = {cell: reasons.total() for cell, reasons in self.reasons.items() if cell[0] != cell[1]}
        for cell, count in sorted(wrong.items(), key=lambda item: -item[1]):
            ((reason, _),) = self.reasons[cell].most_common(1)
            yield *cell, count, reason, self.examples[cell]

    def to_json(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "offered": self.accuracy_offered,
            "queries": self.queries,
            "matrix": {str(meant): {str(read): n for read, n in self.counts[meant].items()} for meant in self.intents},
            "misreadings": [
                {"meant": str(meant), "read": str(read), "queries": n, "reason": reason, "example": example}
                for meant, read, n, reason, example in self.misreadings()
            ],
        }


def labelled_queries(folder: Path) -> list[LabelledQuery]:
    """Read the queries that name their intent, of one BEIR folder or of every one in `folder`."""
    files = (
        [folder / "queries.jsonl"] if (folder / "queries.jsonl").is_file() else sorted(folder.glob("*/queries.jsonl"))
    )
    found = [query for file in files for query in _read(file)]
    if not found:
        raise NothingToMeasure(f"{folder} has no queries.jsonl whose queries name their intent in their metadata.")
    return found


def _read(file: Path) -> Iterator[LabelledQuery]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                if intent := row.get("metadata", {}).get("intent"):
                    yield LabelledQuery(file.parent.name, row["text"], Intent(intent))
            except (ValueError, KeyError, AttributeError) as error:
                raise NothingToMeasure(f"{file}, line {number}: not a query: {error}") from error


def shapes(folder: Path) -> dict[str, Shape]:
    """Return what the documents of each set look like, for those that have their corpus beside the queries."""
    files = [folder / "corpus.jsonl"] if (folder / "corpus.jsonl").is_file() else sorted(folder.glob("*/corpus.jsonl"))
    return {file.parent.name: _shape(file) for file in files}


def _shape(file: Path) -> Shape:
    with file.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in islice(lines, SAMPLED)]
    return Shape.of(texts, passages=sum(ceil(len(text.split()) / _PASSAGE_WORDS) for text in texts))


def measure(
    queries: Iterable[LabelledQuery], *, kinds: Mapping[str, str] = _NOTHING, shapes: Mapping[str, Shape] = _NOTHING
) -> Confusion:
    """Read every query; `kinds` and `shapes` tell of the corpus searched for those sets where they are known."""
    confusion = Confusion()
    for query in queries:
        kind, shape = kinds.get(query.set), shapes.get(query.set)
        confusion.add(query, detect(query.text, [kind] if kind else [], [shape] if shape else []))
    return confusion
