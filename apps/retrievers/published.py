"""The published DisastIR-Test leaderboard, so that a run of ours can stand beside it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from apps.retrievers.intents import Intent

PUBLISHED_SET = "DisastIR-Test"
_TABLE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedResult:
    """One row of the table: NDCG@10 by intent, in percent, as first published."""

    name: str
    size: str  #: parameters as the authors write them: "33M", "1.5B"
    size_class: str  #: "small", "medium", "large" or "xl", as `RetrieverCard.size_class`
    scores: Mapping[Intent, float]
    average: float
    corrected: Mapping[str, float]  #: cells the authors changed later; "average" is one of them
    significant: frozenset[str]  #: cells with the authors' † (their one-tailed Wilcoxon test)


@cache
def published_results() -> tuple[PublishedResult, ...]:
    """Return the rows in the order of the authors' table, smallest class first."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    intents = [Intent(name) for name in table["intents"]]
    return tuple(
        PublishedResult(
            name=row["name"],
            size=row["size"],
            size_class=row["size_class"],
            scores=MappingProxyType(dict(zip(intents, row["scores"], strict=True))),
            average=row["average"],
            corrected=MappingProxyType(row.get("corrected", {})),
            significant=frozenset(row.get("significant", ())),
        )
        for row in table["models"]
    )
