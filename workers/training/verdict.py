"""Is the new model better than the old one, intent by intent, on questions that neither has seen?"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from apps.retrievers.naming import named_retriever
from workers.encoders import get_encoder
from workers.evaluation.beir import read_beir
from workers.evaluation.dense import DenseRetrieval
from workers.evaluation.evaluate import Evaluation, Results, evaluate
from workers.evaluation.metrics import NDCG
from workers.evaluation.significance import Comparison, compare
from workers.vector_store import VectorStore

logger = logging.getLogger(__name__)

_FEW = 20  #: queries below which an intent has no say


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One intent, or all of them. NDCG@10 in percent."""

    before: float
    after: float
    queries: int
    low: float  #: 95 % interval of the gain
    high: float
    p_better: float
    p_worse: float

    @property
    def is_better(self) -> bool:
        return self.p_better < 0.05

    @property
    def is_worse(self) -> bool:
        return self.p_worse < 0.05 and self.queries >= _FEW


@dataclass(frozen=True, slots=True)
class Choice:
    """NDCG@10 in percent on the part of the corpus that chose the weights: of the old model, and of what was kept."""

    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Verdict:
    lines: Mapping[str, Line]  #: by intent
    overall: Line
    choice: Choice | None = None  #: where a part of the corpus chose

    @property
    def is_better(self) -> bool:
        """Better over all questions, beyond luck, worse for no intent, and better where it was chosen too.

        What finds no more there learnt nothing: the luck of one test in twenty would put it in the old one's place.
        """
        return self.overall.is_better and self.overall.after > self.overall.before and not self.worse and self._learnt

    @property
    def _learnt(self) -> bool:
        return self.choice is None or self.choice.after > self.choice.before

    @property
    def worse(self) -> list[str]:
        return [intent for intent, line in self.lines.items() if line.is_worse]

    @property
    def reason(self) -> str:
        overall = self.overall
        gain = f"{overall.before:.1f} before, {overall.after:.1f} after, p = {overall.p_better:.3f}"
        if self.is_better:
            return f"Better over {overall.queries} questions ({gain}), and worse for no intent."
        if self.worse:
            return f"Not taken: worse at {', '.join(self.worse)} ({gain} over all)."
        if self.choice and not self._learnt:
            return (
                "Not taken: on the part of the corpus that chooses among weights, none found more than the old model "
                f"({self.choice.before:.1f} before, {self.choice.after:.1f} after). "
                f"The {overall.queries} questions of the test: {gain}."
            )
        return f"Not taken: not better beyond luck over {overall.queries} questions ({gain})."

    def to_json(self) -> dict[str, Any]:
        lines = {intent: asdict(line) | {"better": line.is_better} for intent, line in self.lines.items()}
        return {
            "better": self.is_better,
            "reason": self.reason,
            "intents": lines,
            "overall": asdict(self.overall) | {"better": self.overall.is_better},
            "choice": self.choice and asdict(self.choice),
        }


def judge(old: str, new: str, *, collections: Sequence[Path], folder: Path) -> Verdict:
    """Compare two models, each named by its card or folder and asked in its own way, on BEIR folders."""
    before = _measure(old, collections, folder=folder)
    after = _measure(new, collections, folder=folder)
    scores: dict[str, tuple[dict[str, float], dict[str, float]]] = defaultdict(lambda: ({}, {}))
    for side, evaluations in enumerate((before, after)):
        for evaluation in evaluations:
            for query_id, found in evaluation.scores.items():
                intent = str(evaluation.tasks[query_id][0])
                scores[intent][side][f"{evaluation.set}/{query_id}"] = 100 * found[NDCG]
    lines = {intent: _line(*sides) for intent, sides in sorted(scores.items())}
    everything = [{key: score for sides in scores.values() for key, score in sides[side].items()} for side in (0, 1)]
    return Verdict(lines, _line(everything[0], everything[1]))


def _measure(model: str, collections: Sequence[Path], *, folder: Path) -> list[Evaluation]:
    card, checkpoint = named_retriever(model)
    encoder = get_encoder(card, backend="torch", folder=checkpoint)
    retrieval = DenseRetrieval(encoder, VectorStore(folder / "embeddings", encoder))
    results, found = Results(folder / "results"), []
    for path in collections:
        collection = read_beir(path)
        evaluation = results.find(collection, retrieval) or evaluate(collection, retrieval)[0]
        results.save(evaluation)
        logger.info("%s on %s: %.1f", card.name, collection.name, 100 * evaluation.average)
        found.append(evaluation)
    return found


def _line(before: Mapping[str, float], after: Mapping[str, float]) -> Line:
    gain: Comparison = compare(after, before)
    return Line(
        before=fmean(before.values()),
        after=fmean(after.values()),
        queries=gain.queries,
        low=gain.low,
        high=gain.high,
        p_better=gain.p_value,
        p_worse=compare(before, after).p_value,
    )
