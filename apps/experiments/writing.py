"""Measurements as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apps.experiments.intents import Confusion
from apps.retrievers.intents import Intent

_MEASURES = ("ndcg@10", "mrr@10", "recall@10", "recall@100")


def report(found: Mapping[str, Any]) -> str:
    """Draw what one system scored, a line an intent, in percent."""
    heads = ["intent", *_MEASURES, "queries"]
    body = [
        [intent, *(f"{100 * scores[measure]:.2f}" for measure in _MEASURES), str(scores["queries"])]
        for intent, scores in found["intents"].items()
    ]
    title = f"{found['set']}: {found['model']}, {found['retrieval']}, {found['search']} search, {found['took_s']} s"
    return f"{title}\n\n{_table(heads, body)}\n\nAverage NDCG@10 {100 * found['average']:.2f}"


def confusion(found: Confusion, *, name: str) -> str:
    """Draw how queries of each intent (lines) were read (columns), then why those read otherwise were."""
    body = [
        [intent, *(str(found.counts[intent][read] or "·") for read in Intent), f"{found.recall(intent):.2f}"]
        for intent in found.intents
    ]
    title = (
        f"{name.replace('_', ' ').capitalize()}: accuracy {found.accuracy:.3f} over intents, {found.queries} queries; "
        f"the right reading at least offered {found.accuracy_offered:.3f}"
    )
    wrong = [
        f"- {meant} read as {read}, {count} times, mostly as it {reason}: {_short(example)!r}"
        for meant, read, count, reason, example in found.misreadings()
    ]
    return "\n".join([title, "", _table(["meant", *Intent, "right"], body), "", *wrong, ""])


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _table(heads: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *body])


def comparison(report: Mapping[str, Any]) -> str:
    """Write the scores of the old and the new model by intent; † where the new one is better beyond luck."""
    rows = {**report["intents"], "all": report["overall"]}
    lines = [f"{'':10} {'before':>7} {'after':>7} {'gain':>7}  95 % interval      questions"]
    for name, row in rows.items():
        dagger = "†" if row["better"] else " "
        gain = row["after"] - row["before"]
        interval = f"[{row['low']:+.1f}, {row['high']:+.1f}]"
        lines.append(
            f"{name:10} {row['before']:7.1f} {row['after']:7.1f} {gain:+7.1f}{dagger} {interval:17} {row['queries']:9}"
        )
    return "\n".join(lines)
