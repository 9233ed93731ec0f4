"""A test collection: passages, queries and what people judged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Self, TypeVar

from apps.retrievers.intents import Intent
from workers.evaluation.metrics import Qrels
from workers.records import Passage, Qrel, Query

RecordT = TypeVar("RecordT", Passage, Query)
Task = tuple[Intent, str]  # the intent and the event; an event is "" where a collection has none


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """The queries are those with judgments; others cannot be scored and are left out.

    A judged passage may be missing from the corpus: it still belongs to the ideal ranking.
    """

    name: str
    passages: tuple[Passage, ...]
    queries: tuple[Query, ...]
    qrels: Qrels
    events: Mapping[str, str] = field(default_factory=dict)  #: query id → event, where there are events

    @classmethod
    def build(
        cls,
        name: str,
        *,
        passages: Iterable[Passage],
        queries: Iterable[Query],
        judgments: Iterable[Qrel],
        events: Mapping[str, str] | None = None,
    ) -> Self:
        qrels: dict[str, dict[str, int]] = {}
        for judgment in judgments:
            qrels.setdefault(judgment.query_id, {})[judgment.passage_id] = judgment.grade
        judged = tuple(query for query in queries if query.id in qrels)
        if not judged:
            raise ValueError(f"{name} has no query with a judgment.")
        return cls(
            name=name,
            passages=_unique(name, passages),
            queries=_unique(name, judged),
            qrels={query.id: qrels[query.id] for query in judged},
            events=events or {},
        )

    @property
    def tasks(self) -> dict[str, Task]:
        """The task of each query: queries are averaged within it, then tasks within the intent."""
        return {query.id: (query.intent, self.events.get(query.id, "")) for query in self.queries}

    def digest(self) -> str:
        """Name the contents, so that a result is reused only for the collection it came from."""
        state = blake2b(digest_size=8)
        for record in (*self.passages, *self.queries):
            state.update(repr(record).encode())
        state.update(repr((self.qrels, self.events)).encode())
        return state.hexdigest()


def _unique(name: str, records: Iterable[RecordT]) -> tuple[RecordT, ...]:
    by_id: dict[str, RecordT] = {}
    for record in records:
        if record.id in by_id:
            raise ValueError(f"{name} has two records with the id {record.id!r}.")
        by_id[record.id] = record
    return tuple(by_id.values())
