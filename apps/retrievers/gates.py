"""Whether int8 may be used: what it costs in quality and gains in speed, for a model on this machine.

Measured by `manage.py models gate`, read by the encoders, shown by doctor and `models check`. A verdict lies in
the folder of the graph it is about, by model, revision and OpenVINO version: without that graph it is gone as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean

from apps.retrievers.calibrations import cache_folder, read_measured, write_measured
from apps.retrievers.card import RetrieverCard

#: Points of NDCG@10 that int8 may lose: on the mean of the intents, and on any one of them.
MOST_LOST, MOST_LOST_BY_INTENT = 0.5, 1.0
LEAST_RATIO = 1.5  #: so many times as fast as the backend it would replace
LEAST_QUERIES = 200  #: on fewer, half a point is chance


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """NDCG@10 in percent, of int8 and of the backend it would replace."""

    int8: float
    peer: float

    @property
    def lost(self) -> float:
        return self.peer - self.int8


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    machine: str
    peer: str  #: the backend that int8 would replace
    sets: Mapping[str, Scores]
    intents: Mapping[str, Scores]  #: means over the sets that have the intent
    queries: int
    passages_per_s: Mapping[str, float]  #: by backend, taking turns in one run
    measured_at: str = ""
    kept_precise: tuple[str, ...] = field(default=())  #: layers that were left out of int8

    @property
    def lost(self) -> float:
        """Points of NDCG@10 lost on the mean of the intents."""
        return fmean(scores.lost for scores in self.intents.values())

    @property
    def ratio(self) -> float:
        return self.passages_per_s["openvino-int8"] / self.passages_per_s[self.peer]

    @property
    def passed(self) -> bool:
        return not any(self.failings())

    def failings(self) -> Iterator[str]:
        """Yield what stands against int8, for people."""
        if self.lost > MOST_LOST:
            yield f"it loses {self.lost:.2f} points of NDCG@10 ({MOST_LOST} are allowed)"
        for intent, scores in self.intents.items():
            if scores.lost > MOST_LOST_BY_INTENT:
                yield f"it loses {scores.lost:.2f} points on {intent} ({MOST_LOST_BY_INTENT} are allowed)"
        if self.ratio < LEAST_RATIO:
            yield f"it is {self.ratio:.2f} times as fast as {self.peer} ({LEAST_RATIO} are wanted)"
        if self.queries < LEAST_QUERIES:
            yield f"it was tried on {self.queries} queries ({LEAST_QUERIES} are wanted)"

    def summary(self) -> str:
        """Say in a line how int8 stands."""
        if self.passed:
            return f"proven: {-self.lost:+.2f} points of NDCG@10, {self.ratio:.2f} times as fast as {self.peer}"
        return f"refused: {'; '.join(self.failings())}"


def int8_engine() -> str:
    """Name the folder of int8 graphs: they change with OpenVINO's version."""
    try:
        return f"openvino-{version('openvino')}-int8"
    except PackageNotFoundError:
        return "openvino-int8"  # this machine computes nothing: no graph is there


def read_gate(card: RetrieverCard, revision: str) -> Gate | None:
    """Return what was measured on this machine, or None where nothing was."""
    kept = read_measured(gate_file(card, revision))
    if kept is None:
        return None
    scores = {part: {name: Scores(**of) for name, of in kept[part].items()} for part in ("sets", "intents")}
    return Gate(**{**kept, **scores, "kept_precise": tuple(kept["kept_precise"])})


def write_gate(card: RetrieverCard, revision: str, gate: Gate) -> None:
    write_measured(gate_file(card, revision), asdict(gate))


def gate_file(card: RetrieverCard, revision: str) -> Path:
    return cache_folder() / card.name / revision / int8_engine() / "gate.json"


def int8_verdict(card: RetrieverCard, revision: str) -> str:
    """Say in a line whether int8 may be used with this model here."""
    gate = read_gate(card, revision)
    return gate.summary() if gate else "not measured (`manage.py models gate`)"
