"""What reports are made of: rows of scores, each with its dagger, measured here or published."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from apps.retrievers.family import FAMILY
from apps.retrievers.intents import Intent
from apps.retrievers.published import PUBLISHED_SET, published_results
from workers.evaluation.evaluate import Evaluation
from workers.evaluation.metrics import NDCG
from workers.evaluation.significance import Comparison, compare

AVERAGE = "average"
_SIZE_CLASSES = ("small", "medium", "large", "xl", "")

Systems = dict[str, dict[str, Evaluation]]  # label → set → evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """NDCG@10 in percent."""

    score: float
    significant: bool = False  #: better than the baseline: p < 0.05, one-tailed Wilcoxon
    comparison: Comparison | None = None  #: with the baseline, query by query; none for published cells
    corrected: float | None = None  #: what the authors later published instead


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    system: str
    figures: Literal["measured", "published"]
    size_class: str  #: "" for a system without a model
    cells: Mapping[str, Cell]  #: by set, or by intent and "average"


def label(evaluation: Evaluation) -> str:
    """Name a system as tables do: "all-MiniLM-L6-v2 dense, instructions on"."""
    system = evaluation.system
    searched = ", through the index" if system.get("search") == "index" else ""
    if "instructions" not in system:
        return f"{system['model']}{searched}"
    words = [f"{system['model']} {evaluation.retrieval}", f"instructions {system['instructions']}"]
    if system["documents"] == "truncated":
        words.append("truncated")
    if "fusion" in system:
        words.append(f"{system['fusion']} fused")
    return ", ".join(words) + searched


def set_rows(evaluations: Iterable[Evaluation], *, baseline: str) -> list[Row]:
    """Return a row a system and a column a set; † is against the system labelled `baseline`."""
    systems = _on_shared_sets(evaluations)
    return [
        _measured(
            name,
            sets,
            {
                key: _cell(100 * evaluation.average, [evaluation], [reference[key]] if reference else [])
                for key, evaluation in sets.items()
            },
        )
        for name, sets in systems.items()
        for reference in [_reference(systems, name, baseline)]
    ]


def intent_rows(evaluations: Iterable[Evaluation], *, baseline: str) -> list[Row]:
    """Return a row a system and a column an intent: the mean over its sets, all weighing the same."""
    systems = _on_shared_sets(evaluations)
    return [
        _measured(
            name,
            sets,
            _intent_cells(list(sets.values()), list(_reference(systems, name, baseline).values())),
        )
        for name, sets in systems.items()
    ]


def leaderboard(evaluations: Iterable[Evaluation], *, baseline: str) -> list[Row]:
    """Return our runs on DisastIR-Test among the published ones: by size class, then by average."""
    ours = [evaluation for evaluation in evaluations if evaluation.set == PUBLISHED_SET]
    rows = _published_rows() + intent_rows(ours, baseline=baseline)
    return sorted(rows, key=lambda row: (_SIZE_CLASSES.index(row.size_class), row.cells[AVERAGE].score))


def significant_intents(ours: Evaluation, baseline: Evaluation | None) -> list[str]:
    """Return the intents, and "average", where `ours` is better than the baseline on the same collection."""
    if baseline is None or baseline is ours:
        return []
    cells = _intent_cells([ours], [baseline])
    return [name for name, cell in cells.items() if cell.significant]


def not_compared(evaluations: Iterable[Evaluation], *, baseline: str) -> list[str]:
    """Return, for people, which systems stand without a dagger on which set: theirs was another than the baseline's."""
    systems = _on_shared_sets(evaluations)
    return [
        f"{name} on {key}: measured on another version of it than {baseline}, so not compared."
        for name, sets in systems.items()
        for key, theirs in _reference(systems, name, baseline).items()
        if sets[key].digest != theirs.digest
    ]


def _on_shared_sets(evaluations: Iterable[Evaluation]) -> Systems:
    """Group by system, of revisions the newest, and keep the sets that all were evaluated on: only those compare."""
    systems: Systems = {}
    for evaluation in evaluations:
        sets = systems.setdefault(label(evaluation), {})
        sets[evaluation.set] = max(evaluation, sets.get(evaluation.set, evaluation), key=lambda each: each.made_at)
    shared = set.intersection(*map(set, systems.values())) if systems else set()
    return {name: {key: sets[key] for key in sorted(shared)} for name, sets in systems.items()}


def _reference(systems: Systems, name: str, baseline: str) -> dict[str, Evaluation]:
    """Return what the system `name` is compared with: nothing for the baseline itself."""
    return systems.get(baseline, {}) if name != baseline else {}


def _measured(name: str, sets: Mapping[str, Evaluation], cells: Mapping[str, Cell]) -> Row:
    cards = {evaluation.system.get("card", "") for evaluation in sets.values()}
    card = FAMILY.get(cards.pop()) if len(cards) == 1 else None
    return Row(system=name, figures="measured", size_class=card.size_class if card else "", cells=cells)


def _intent_cells(ours: Sequence[Evaluation], theirs: Sequence[Evaluation]) -> dict[str, Cell]:
    scores: dict[Intent, list[float]] = {}
    for evaluation in ours:
        for intent, score in evaluation.intent_scores().items():
            scores.setdefault(intent, []).append(100 * score)
    cells = {
        str(intent): _cell(fmean(scores[intent]), ours, theirs, intent=intent) for intent in Intent if intent in scores
    }
    average = fmean(cell.score for cell in cells.values()) if cells else 0.0
    return cells | {AVERAGE: _cell(average, ours, theirs)}


def _cell(
    score: float, ours: Sequence[Evaluation], theirs: Sequence[Evaluation], *, intent: Intent | None = None
) -> Cell:
    digests = {(each.set, each.digest) for each in ours} & {(each.set, each.digest) for each in theirs}
    our_scores, their_scores = (
        _by_query([each for each in side if (each.set, each.digest) in digests], intent) for side in (ours, theirs)
    )
    if not our_scores:  # no baseline, or it was asked other questions
        return Cell(score=score)
    comparison = compare(our_scores, their_scores)
    return Cell(score=score, significant=comparison.is_significant, comparison=comparison)


def _by_query(evaluations: Sequence[Evaluation], intent: Intent | None) -> dict[str, float]:
    """Return the NDCG@10 of each query, of all intents if none is given."""
    return {
        f"{evaluation.set}/{query_id}": scores[NDCG]
        for evaluation in evaluations
        for query_id, scores in evaluation.scores.items()
        if intent in (None, evaluation.tasks[query_id][0])
    }


def _published_rows() -> list[Row]:
    return [
        Row(
            system=result.name,
            figures="published",
            size_class=result.size_class,
            cells={
                str(column): Cell(
                    score=score,
                    significant=column in result.significant,
                    corrected=result.corrected.get(column),
                )
                for column, score in (*result.scores.items(), (AVERAGE, result.average))
            },
        )
        for result in published_results()
    ]
