"""The curve of a run: a JSON line a step and a scoring, and a picture of both."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workers.refinement.journal import Journal
from workers.training.development import Score
from workers.training.picture import draw

Line = Mapping[str, Any]


class Curve:
    """Of one stage, over all its legs; what a killed run wrote after its checkpoint is forgotten, since it comes again."""

    def __init__(self, folder: Path, *, done: int) -> None:
        self._path = folder / "curve.jsonl"
        self._picture = folder / "curve.svg"
        if self._path.exists():
            kept = [line for line in Journal(self._path) if done and line["step"] <= done]
            part = self._path.with_suffix(".part")
            part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
            part.replace(self._path)
        self._journal = Journal(self._path)

    def add_step(self, step: int, *, leg: str, loss: float, rate: float, tokens: int) -> None:
        """step: from 1, over all legs; tokens: read by one device."""
        self._journal.append(
            {"step": step, "leg": leg, "loss": round(loss, 6), "rate": float(f"{rate:.4g}"), "tokens": tokens}
        )

    def add_score(self, step: int, score: Score) -> None:
        self._journal.append({"step": step, "score": score.average, **asdict(score)})
        self.draw()

    def lines(self) -> list[Line]:
        return list(self._journal)

    def draw(self) -> None:
        self._picture.write_text(draw(self.lines()), encoding="utf-8")


def losses(lines: Sequence[Line]) -> list[float]:
    return [line["loss"] for line in lines if "loss" in line]
