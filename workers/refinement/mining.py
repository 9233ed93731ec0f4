"""The run of the miner: examples in, training files of rising difficulty out."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Any

import numpy as np

from workers.encoders.base import Vectors
from workers.refinement.difficulty import difficulty, levels
from workers.refinement.examples import Example
from workers.refinement.journal import new_files, write_line
from workers.refinement.negatives import (
    BANDS,
    GUARD,
    Band,
    Candidates,
    candidates,
    ceilings,
    choose,
    ranked_rows,
    with_negatives,
)
from workers.refinement.rankings import RankedExamples, Ranking

_NONE_SAFE = "no passage is safely wrong"
_SPARE = 1_000  # passages drawn at random for the queries whose ranking holds too few that are safely wrong
_WRITTEN = "synthesis"  # the kind of examples whose negatives were written for them


@dataclass(frozen=True, kw_only=True, slots=True)
class MiningSettings:
    bands: tuple[Band, ...] = BANDS  #: one a level, the easiest first
    negatives: int = 9  #: of each example; with its positive the paper's group of ten
    guard: float = GUARD
    depth: int = 200  #: passages of each teacher's ranking that are looked at
    trust: int = 0  #: a teacher with more passages than this before the positive has no say in the guard (0: always)
    given: int = 0  #: negatives of the example itself that are kept before others, if they pass the guard
    seed: int = 0


class Miner:
    def __init__(self, ranked: RankedExamples, settings: MiningSettings) -> None:
        self._ranked = ranked
        self._settings = settings
        self._names = [f"level-{number}" for number in range(1, len(settings.bands) + 1)]
        draw = Random(settings.seed)  # noqa: S311 - for variety
        self._spare = draw.sample(range(len(ranked.pool)), min(_SPARE, len(ranked.pool)))
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def run(self) -> dict[str, Any]:
        """Write `level-1.jsonl` (the easiest) and on, and `dropped.jsonl`; return the report."""
        difficulties, level_of = self._levels()
        remaining = iter(level_of)
        with new_files(self._ranked.folder, (*self._names, "dropped")) as files:
            for example, rankings, number in self._examples():
                level = next(remaining)
                mined = self._mine(example, rankings, number=number, band=self._settings.bands[level])
                self._count(self._names[level], example, mined)
                if mined:
                    write_line(files[self._names[level]], mined.to_json())
                else:
                    told = {"id": example.id, "query": example.triple.query, "reason": _NONE_SAFE}
                    write_line(files["dropped"], told)
        return self._report(difficulties, level_of)

    def _levels(self) -> tuple[list[float], list[int]]:
        """Return difficulty (the teachers' mean) and level of every example."""
        difficulties, intents = [], []
        for example, rankings, number in self._examples():
            difficulties.append(fmean(difficulty(ranking, number) for ranking in rankings))
            intents.append(example.triple.intent)
        return difficulties, levels(difficulties, intents, count=len(self._names))

    def _examples(self) -> Iterator[tuple[Example, list[Ranking], int]]:
        """Yield every example with the rankings it stands in and its number there."""
        for examples, rankings in self._ranked.chunks():
            for number, example in enumerate(examples):
                yield example, rankings, number

    def _mine(self, example: Example, rankings: Sequence[Ranking], *, number: int, band: Band) -> Example | None:
        """Return the example with its negatives; None where no passage is safely wrong."""
        pool, passages = self._ranked.pool, self._ranked.passages
        own = pool.rows_of(self._own_negatives(example))
        positive_scores = np.stack([ranking.positive_scores[number] for ranking in rankings])  # (n, P)
        limits = self._ceilings(rankings, positive_scores.mean(axis=1), number=number)
        asked = [] if np.isinf(limits).all() else rankings  # where all are lost, what they rank high may well answer
        safe = Candidates.empty(len(rankings))
        for also in ([], self._spare):  # where the ranking runs out, the pool at large has weaker ones
            if len(safe.rows) < self._settings.negatives:
                rows = np.array(
                    [*{*own, *also, *ranked_rows(asked, number)} - self._ranked.hidden_rows(example)], dtype=np.int64
                )
                safe = candidates(rows, rankings, passages, number=number).safe(limits)
        if not len(safe.rows):
            return None
        band = band if asked else (1, len(safe.rows))
        random = Random(f"{self._settings.seed}/{example.id}")  # noqa: S311 - for variety
        chosen = choose(safe, band=band, count=self._settings.negatives, first=own, random=random)
        return with_negatives(example, chosen, positive_scores=positive_scores, pool=pool)

    def _own_negatives(self, example: Example) -> Sequence[str]:
        negatives = example.triple.negatives
        return negatives if example.kind == _WRITTEN else negatives[: self._settings.given]

    def _ceilings(self, rankings: Sequence[Ranking], positive_scores: Vectors, *, number: int) -> Vectors:
        """Return the highest score by each teacher that is safe, (n,); without limit for one that is lost itself."""
        highest = ceilings(positive_scores, guard=self._settings.guard)
        ranks = np.array([np.median(ranking.positive_ranks(number)) for ranking in rankings])
        lost = (ranks > self._settings.trust) & (self._settings.trust > 0)
        return np.where(lost, np.float32(np.inf), highest)

    def _count(self, level: str, example: Example, mined: Example | None) -> None:
        counts = self._counts[level]
        if mined is None:
            counts[f"dropped: {_NONE_SAFE}"] += 1
            return
        counts["kept"] += 1
        counts[f"kept of {example.triple.intent}"] += 1
        counts["fewer negatives than wanted"] += len(mined.triple.negatives) < self._settings.negatives

    def _report(self, difficulties: Sequence[float], level_of: Sequence[int]) -> dict[str, Any]:
        report: dict[str, Any] = {
            "examples": len(level_of),
            "kept": sum(counts["kept"] for counts in self._counts.values()),
            "levels": {},
        }
        for level, name in enumerate(self._names):
            inside = [value for value, own in zip(difficulties, level_of, strict=True) if own == level]
            span = [round(min(inside), 3), round(max(inside), 3)] if inside else []
            report["levels"][name] = {"difficulty": span, **self._counts[name]}
        return report
