"""How good a ranking is: DisastIR's own NDCG, and trec_eval's measures through ir-measures.

A run maps a query id to passage ids, best first; qrels map a query id to the grade of each
judged passage. Scores are fractions of one, never percentages.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from statistics import fmean
from typing import TypeVar

import ir_measures
from ir_measures import AP, RR, R, nDCG

Run = Mapping[str, Sequence[str]]
Qrels = Mapping[str, Mapping[str, int]]
QueryScores = dict[str, dict[str, float]]  # query id → measure → score

NDCG = "ndcg@10"  # DisastIR's: the one that the published table reports
TREC_MEASURES = {
    "ndcg_linear@10": nDCG @ 10,
    "mrr@10": RR @ 10,
    "map": AP,
    "recall@10": R @ 10,
    "recall@100": R @ 100,
}
MEASURES = (NDCG, *TREC_MEASURES)

Group = TypeVar("Group", bound=Hashable)


def disastir_ndcg(ranking: Sequence[str], grades: Mapping[str, int], *, k: int = 10) -> float:
    """NDCG@k as DisastIR defines it (arXiv 2505.15856).

    The gain is 2^grade - 1 and the discount log2(rank + 1). A passage without a grade counts 0;
    the ideal ranking is made of all judgments of the query, found or not.
    """
    ideal = _discounted_gain(sorted(grades.values(), reverse=True)[:k])
    found = _discounted_gain([grades.get(passage_id, 0) for passage_id in ranking[:k]])
    return found / ideal if ideal else 0.0


def score_run(run: Run, qrels: Qrels) -> QueryScores:
    """Score every judged query by every measure; a query that the run lacks scores 0."""
    judged = {query_id: grades for query_id, grades in qrels.items() if grades}
    scores: QueryScores = {
        query_id: {NDCG: disastir_ndcg(run.get(query_id, ()), grades)} | dict.fromkeys(TREC_MEASURES, 0.0)
        for query_id, grades in judged.items()
    }
    names = {measure: name for name, measure in TREC_MEASURES.items()}
    ranked = {query_id: _descending(run.get(query_id, ())) for query_id in judged}
    for metric in ir_measures.iter_calc(list(names), judged, ranked):
        scores[metric.query_id][names[metric.measure]] = metric.value
    return scores


def task_means(values: Mapping[str, float], tasks: Mapping[str, Group]) -> dict[Group, float]:
    """Average the queries of each task; `tasks` names the task of each query."""
    grouped = defaultdict(list)
    for query_id, value in values.items():
        grouped[tasks[query_id]].append(value)
    return {task: fmean(scores) for task, scores in grouped.items()}


def macro_mean(task_scores: Mapping[tuple[Group, str], float]) -> dict[Group, float]:
    """Average the tasks, each an (intent, event), over the events of each intent."""
    grouped = defaultdict(list)
    for (intent, _event), score in task_scores.items():
        grouped[intent].append(score)
    return {intent: fmean(scores) for intent, scores in grouped.items()}


def _discounted_gain(grades: Sequence[int]) -> float:
    # A grade below zero is a mark (spam, unsure) in some TREC collections, not a loss.
    return sum((2 ** max(grade, 0) - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))


def _descending(ranking: Sequence[str]) -> dict[str, float]:
    """Scores that make trec_eval keep this order: it sorts by score and breaks ties by id."""
    return {passage_id: -float(rank) for rank, passage_id in enumerate(ranking)}
