"""Compare two systems on the queries that both answered: by intent, with significance, and where they differ most.

Each file is what the evaluator keeps of a system (results/SET/….json), or {"queries": {id: {"intent", "text", "ndcg@10"}}}.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.retrievers.intents import Intent
from workers.evaluation.evaluate import load_evaluation
from workers.evaluation.metrics import NDCG
from workers.evaluation.report import queries
from workers.evaluation.significance import DAGGER, compare

AVERAGE = "average"
Queries = Mapping[str, Mapping[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.evaluation.comparing", description=__doc__)
    parser.add_argument("ours", type=Path)
    parser.add_argument("theirs", type=Path)
    parser.add_argument("--most", type=int, default=10, help="so many of the queries that changed most, either way")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        found = comparison(_read(options.ours), _read(options.theirs), most=options.most)
    except (OSError, ValueError, KeyError) as failure:
        sys.stderr.write(f"These cannot be compared: {failure}\n")
        return 1
    sys.stdout.write((json.dumps(found, ensure_ascii=False) if options.json else _text(found)) + "\n")
    return 0


def comparison(ours: Queries, theirs: Queries, *, most: int) -> dict[str, Any]:
    """Return a row an intent and one for all queries, and the queries that gained and lost most. Scores in percent."""
    shared = [query_id for query_id in ours if query_id in theirs]
    if not shared:
        raise ValueError("no query was answered by both.")
    by_intent = {
        str(intent): [query_id for query_id in shared if ours[query_id]["intent"] == str(intent)] for intent in Intent
    }
    rows = {name: _row(ours, theirs, found) for name, found in {**by_intent, AVERAGE: shared}.items() if found}
    changed = sorted(({"id": q, **_change(ours[q], theirs[q])} for q in shared), key=lambda change: change["gain"])
    return {
        "rows": rows,
        "gained": [change for change in reversed(changed) if change["gain"] > 0][:most],
        "lost": [change for change in changed if change["gain"] < 0][:most],
        "left_out": len(ours) + len(theirs) - 2 * len(shared),
    }


def _row(ours: Queries, theirs: Queries, found: Sequence[str]) -> dict[str, Any]:
    """Return the means over queries: what the interval and the test are of."""
    our_scores, their_scores = ({q: 100 * of[q][NDCG] for q in found} for of in (ours, theirs))
    forth, back = compare(our_scores, their_scores), compare(their_scores, our_scores)
    return {
        "ours": sum(our_scores.values()) / len(found),
        "theirs": sum(their_scores.values()) / len(found),
        "gain": forth.difference,
        "low": forth.low,
        "high": forth.high,
        "p": forth.p_value,
        "better": forth.is_significant,
        "worse": back.is_significant,
        "queries": len(found),
    }


def _change(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    scores = {"ours": 100 * ours[NDCG], "theirs": 100 * theirs[NDCG]}
    return {"text": ours["text"], "intent": ours["intent"], **scores, "gain": scores["ours"] - scores["theirs"]}


def _read(path: Path) -> Queries:
    fields = json.loads(path.read_text(encoding="utf-8"))
    if "digest" in fields:
        return queries(load_evaluation(path))
    found: Queries = fields["queries"]
    return found


def _text(found: Mapping[str, Any]) -> str:
    lines = ["| intent | ours | theirs | gain | 95 % interval | queries |", "|---|---|---|---|---|---|"]
    for name, row in found["rows"].items():
        mark = DAGGER if row["better"] else " (worse)" if row["worse"] else ""
        interval = f"{row['low']:+.1f} … {row['high']:+.1f}"
        gain = f"{row['gain']:+.2f}{mark}"
        lines.append(f"| {name} | {row['ours']:.2f} | {row['theirs']:.2f} | {gain} | {interval} | {row['queries']} |")
    for name in ("gained", "lost"):
        lines += [f"- {name} {change['gain']:+.1f}: {change['text'] or change['id']}" for change in found[name]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
