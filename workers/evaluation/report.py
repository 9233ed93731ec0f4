"""Print tables of the evaluations in a folder, in Markdown or JSON.

By set and by intent, or with --leaderboard our runs on DisastIR-Test beside the published ones.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from apps.retrievers.published import PUBLISHED_SET
from workers.evaluation.evaluate import Evaluation, Results
from workers.evaluation.metrics import MEASURES, NDCG
from workers.evaluation.significance import DAGGER
from workers.evaluation.tables import (
    Cell,
    Row,
    intent_rows,
    label,
    leaderboard,
    not_compared,
    set_rows,
    significant_intents,
)

_DEFAULT_BASELINE = "BM25"


def default_folder() -> Path:
    """Return where results and embeddings are kept: in the state folder, which git ignores."""
    return Path(os.environ.get("DMSEARCH_HOME", ".dmsearch")) / "evaluation"


def markdown(rows: Sequence[Row], *, intervals: bool = False) -> str:
    """Draw a line a system; the best score of a column is bold. Intervals are of the gain over the baseline."""
    columns = list(rows[0].cells) if rows else []
    best = {column: max(row.cells[column].score for row in rows) for column in columns}
    body = [
        [
            row.system,
            row.size_class or "–",
            row.figures,
            *(_text(row.cells[column], best=best[column], intervals=intervals) for column in columns),
        ]
        for row in rows
    ]
    return _table(["system", "size", "figures", *columns], body)


def markdown_by_set(rows: Sequence[Row], *, intervals: bool = False) -> str:
    """Draw a line a set and a column a system; the best score of a line is bold."""
    body = []
    for name in rows[0].cells if rows else ():
        best = max(row.cells[name].score for row in rows)
        body.append([name, *(_text(row.cells[name], best=best, intervals=intervals) for row in rows)])
    return _table(["set", *(row.system for row in rows)], body)


def summary_table(evaluations: Iterable[Evaluation]) -> str:
    """Draw every measure of every evaluation, a line an intent, in percent."""
    body = [
        [
            summary["set"],
            intent,
            *(f"{100 * scores[measure]:.2f}" for measure in MEASURES),
            str(scores["queries"]),
        ]
        for summary in (evaluation.summary() for evaluation in evaluations)
        for intent, scores in summary["intents"].items()
    ]
    return _table(["set", "intent", *MEASURES, "queries"], body)


def runs(evaluations: Sequence[Evaluation], *, baseline: str) -> list[dict[str, Any]]:
    """Return each evaluation's report with its origin, and the intents where it beats the baseline (†)."""
    evaluations = sorted(evaluations, key=lambda evaluation: evaluation.made_at)
    by_digest = {evaluation.digest: evaluation for evaluation in evaluations if label(evaluation) == baseline}
    return [
        {
            **evaluation.summary(),
            "label": label(evaluation),
            "system": dict(evaluation.system),
            "digest": evaluation.digest,
            "origin": dict(evaluation.origin),
            "significant": significant_intents(evaluation, by_digest.get(evaluation.digest)),
            "queries": queries(evaluation),
        }
        for evaluation in evaluations
    ]


def queries(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Return what each query asked, as which intent, and what it scored."""
    return {
        query_id: {
            "intent": str(evaluation.tasks[query_id][0]),
            "text": evaluation.texts.get(query_id, ""),
            NDCG: scores[NDCG],
        }
        for query_id, scores in evaluation.scores.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.evaluation.report", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=default_folder() / "results")
    parser.add_argument(
        "--baseline", metavar="LABEL", help="the system that † is against (default: BM25, if it is there)"
    )
    parser.add_argument("--leaderboard", action="store_true", help="beside the published table")
    parser.add_argument("--intervals", action="store_true", help="95 %% bootstrap intervals of the gain over it")
    parser.add_argument("--runs", action="store_true", help="each evaluation by itself, as a JSON list")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    evaluations = Results(options.results).all()
    labels = sorted({label(evaluation) for evaluation in evaluations})
    if options.baseline and options.baseline not in labels:
        sys.stderr.write(f"Nothing was measured of {options.baseline!r}. There are: {'; '.join(labels) or 'none'}.\n")
        return 1
    baseline = options.baseline or _DEFAULT_BASELINE
    if options.runs:
        sys.stdout.write(json.dumps(runs(evaluations, baseline=baseline), ensure_ascii=False) + "\n")
        return 0
    shown = [each for each in evaluations if each.set == PUBLISHED_SET] if options.leaderboard else evaluations
    sys.stderr.writelines(f"{line}\n" for line in not_compared(shown, baseline=baseline))
    tables = {leaderboard: markdown} if options.leaderboard else {set_rows: markdown_by_set, intent_rows: markdown}
    rows = {draw: collect(shown, baseline=baseline) for collect, draw in tables.items()}
    if options.json:
        text = json.dumps([[asdict(row) for row in found] for found in rows.values()], ensure_ascii=False)
    else:
        text = "\n\n".join(draw(found, intervals=options.intervals) for draw, found in rows.items())
    sys.stdout.write(f"{text}\n")
    return 0


def _text(cell: Cell, *, best: float, intervals: bool) -> str:
    text = f"{cell.score:.2f}{DAGGER if cell.significant else ''}"
    if cell.score == best:
        text = f"**{text}**"
    if cell.corrected is not None:
        text += f" (later {cell.corrected:.2f})"
    if intervals and cell.comparison:
        text += f" ({100 * cell.comparison.low:+.1f} … {100 * cell.comparison.high:+.1f})"
    return text


def _table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *body])


if __name__ == "__main__":
    sys.exit(main())
