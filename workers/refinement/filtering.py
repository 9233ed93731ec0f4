"""The run of the mutual-agreement filter: examples in, those that are agreed on out."""

from typing import IO, Any

from workers.refinement.agreement import AgreementReport, agreed, votes
from workers.refinement.examples import Example
from workers.refinement.journal import new_files, write_line
from workers.refinement.rankings import RankedExamples


def filter_by_agreement(ranked: RankedExamples, *, top_k: int, min_agree: int) -> dict[str, Any]:
    """Write `agreed.jsonl` and `dropped.jsonl`; return the report."""
    names = ranked.names
    report = AgreementReport(names, min_agree=min_agree)
    counts = {"examples": 0, "kept": 0}
    with new_files(ranked.folder, ("agreed", "dropped")) as files:
        for examples, rankings in ranked.chunks():
            for number, example in enumerate(examples):
                ranks = [ranking.positive_ranks(number) for ranking in rankings]
                cast = votes(ranks, top_k=top_k)
                report.add(example, cast)
                kept = agreed(example, cast, min_agree=min_agree)
                counts["examples"] += 1
                counts["kept"] += kept is not None
                _write(
                    files, example, kept=kept, ranks=dict(zip(names, (each.tolist() for each in ranks), strict=True))
                )
    return {**counts, **report.to_json()}


def _write(files: dict[str, IO[str]], example: Example, *, kept: Example | None, ranks: dict[str, list[int]]) -> None:
    if kept:
        write_line(files["agreed"], kept.to_json())
    if kept is None or len(kept.triple.positives) < len(example.triple.positives):
        told = {"id": example.id, "query": example.triple.query, "ranks": ranks}
        reason = "too few agree on some positives" if kept else "too few agree on any positive"
        write_line(files["dropped"], {**told, "reason": reason})
