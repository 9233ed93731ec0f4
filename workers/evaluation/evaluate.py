"""Run a retrieval over a test collection; keep what each query scored, so that runs can be compared."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from statistics import fmean
from typing import Any

from apps.retrievers.intents import Intent
from workers.evaluation.collection import Collection, Task
from workers.evaluation.metrics import MEASURES, NDCG, QueryScores, macro_mean, score_run, task_means
from workers.evaluation.origin import origin, written_at
from workers.evaluation.ranking import Rankings
from workers.evaluation.retrieval import Retrieval

DEPTH = 100  # as far as recall@100 looks


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What one system scored on one collection."""

    set: str
    digest: str  #: of the collection
    retrieval: str
    system: Mapping[str, str]  #: what the rankings depend on; "model" among it
    tasks: Mapping[str, Task]  #: query id → intent and event
    scores: QueryScores
    took_s: float
    texts: Mapping[str, str] = field(default_factory=dict)  #: query id → what was asked; older results lack it
    origin: Mapping[str, str] = field(default_factory=dict)  #: when, where and by which command; see `origin`

    def intent_scores(self, measure: str = NDCG) -> dict[Intent, float]:
        """Average over the queries of each event, then over the events of each intent."""
        values = {query_id: scores[measure] for query_id, scores in self.scores.items()}
        return macro_mean(task_means(values, self.tasks))

    @property
    def average(self) -> float:
        return fmean(self.intent_scores().values())

    @property
    def made_at(self) -> str:
        """Return when it was made, as text that sorts by time; "" where that is not known."""
        return self.origin.get("at", "")

    def summary(self) -> dict[str, Any]:
        """Return the report of this evaluation; scores are fractions of one."""
        by_measure = {measure: self.intent_scores(measure) for measure in MEASURES}
        intents = [self.tasks[query_id][0] for query_id in self.scores]
        return {
            "set": self.set,
            "search": "exact",  # unless the system says otherwise
            **self.system,
            "retrieval": self.retrieval,
            "intents": {
                str(intent): {measure: by_measure[measure][intent] for measure in MEASURES}
                | {"queries": intents.count(intent)}
                for intent in by_measure[NDCG]
            },
            "average": self.average,
            "took_s": round(self.took_s, 1),
        }


def evaluate(collection: Collection, retrieval: Retrieval) -> tuple[Evaluation, Rankings]:
    started = time.monotonic()
    rankings = retrieval.search(collection, k=DEPTH)
    took_s = time.monotonic() - started
    run = {query_id: [hit.passage_id for hit in hits] for query_id, hits in rankings.items()}
    evaluation = Evaluation(
        set=collection.name,
        digest=collection.digest(),
        retrieval=retrieval.kind,
        system=retrieval.describe(),
        tasks=collection.tasks,
        scores=score_run(run, collection.qrels),
        took_s=took_s,
        texts={query.id: query.text for query in collection.queries},
        origin=origin(),
    )
    return evaluation, rankings


class Results:
    """A folder of evaluations, a JSON file for each set and system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, collection: Collection, retrieval: Retrieval) -> Evaluation | None:
        """Return what this system scored on this collection before, if neither has changed."""
        path = self._path(collection.name, retrieval.kind, retrieval.describe())
        evaluation = load_evaluation(path) if path.is_file() else None
        return evaluation if evaluation and evaluation.digest == collection.digest() else None

    def save(self, evaluation: Evaluation) -> None:
        path = self._path(evaluation.set, evaluation.retrieval, evaluation.system)
        path.parent.mkdir(parents=True, exist_ok=True)
        queries = {
            query_id: {
                "task": list(evaluation.tasks[query_id]),
                "text": evaluation.texts.get(query_id, ""),
                "scores": scores,
            }
            for query_id, scores in evaluation.scores.items()
        }
        fields = {
            "digest": evaluation.digest,
            "system": dict(evaluation.system),
            "origin": dict(evaluation.origin),
            "queries": queries,
        }
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(evaluation.summary() | fields, ensure_ascii=False, indent=1))
        partial.replace(path)  # whoever reads finds the old file or the new one, never half of it

    def all(self) -> list[Evaluation]:
        return [load_evaluation(path) for path in sorted(self._folder.glob("*/*.json"))]

    def _path(self, name: str, kind: str, system: Mapping[str, str]) -> Path:
        settings = json.dumps([kind, dict(system)], sort_keys=True)
        key = blake2b(settings.encode(), digest_size=4).hexdigest()
        return self._folder / name / f"{kind}-{system['model']}-{key}.json"


def load_evaluation(path: Path) -> Evaluation:
    fields = json.loads(path.read_text(encoding="utf-8"))
    queries = fields["queries"]
    tasks = {query_id: query["task"] for query_id, query in queries.items()}
    return Evaluation(
        set=fields["set"],
        digest=fields["digest"],
        retrieval=fields["retrieval"],
        system=fields["system"],
        tasks={query_id: (Intent(intent), event) for query_id, (intent, event) in tasks.items()},
        scores={query_id: query["scores"] for query_id, query in queries.items()},
        took_s=fields["took_s"],
        texts={query_id: query.get("text", "") for query_id, query in queries.items()},
        origin=fields.get("origin") or {"at": written_at(path)},
    )
