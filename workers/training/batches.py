"""Which examples go into which step: decided before the first one, by the seed alone, so that a run can be resumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from apps.retrievers.intents import Intent
from workers.records import Triple
from workers.training.sources import Source

T = TypeVar("T")
Batch = tuple[Triple, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPlan:
    """How examples are put together. size: examples of a batch over all devices, a multiple of their number."""

    size: int
    devices: int
    epochs: int
    one_source: bool
    source_limit: int
    weights: Mapping[Intent, float]
    seed: int

    def batches(self, sources: Sequence[Source]) -> list[Batch]:
        """Return the batches of all epochs, in order; each epoch sees the examples in another order."""
        return [batch for epoch in range(self.epochs) for batch in self._epoch(sources, Random(f"{self.seed}/{epoch}"))]  # noqa: S311

    def _epoch(self, sources: Sequence[Source], random: Random) -> list[Batch]:
        shuffled = [self._drawn(source, random) for source in sources]
        if not self.one_source:
            shuffled = [_shuffled([triple for triples in shuffled for triple in triples], random)]
        cut = [cut_full(triples, size=self.size, devices=self.devices) for triples in shuffled]
        return _shuffled([tuple(batch) for batches in cut for batch in batches], random)

    def _drawn(self, source: Source, random: Random) -> list[Triple]:
        """Return a source's examples as often as their intent weighs: 1.5 is once, and half of them twice."""
        drawn = []
        for triple in source.triples:
            weight = self.weights.get(triple.intent, 1.0)
            drawn += [triple] * (int(weight) + (random.random() < weight % 1))
        drawn = _shuffled(drawn, random)
        return drawn[: self.source_limit] if self.source_limit else drawn


def line_batches(lines: Sequence[str], *, size: int, devices: int, epochs: int, seed: int) -> list[list[str]]:
    """Return the batches of all epochs, each in another order."""
    return [
        batch
        for epoch in range(epochs)
        for batch in cut_full(_shuffled(list(lines), Random(f"{seed}/{epoch}")), size=size, devices=devices)  # noqa: S311
    ]


def cut_full(items: Sequence[T], *, size: int, devices: int) -> list[list[T]]:
    """Cut into full batches; the last one is filled up from the beginning, so that every device has its share."""
    if len(items) < size:
        whole = len(items) - len(items) % devices
        return [list(items[:whole])] if whole else []
    batches = [list(items[start : start + size]) for start in range(0, len(items), size)]
    batches[-1] += items[: size - len(batches[-1])]
    return batches


def mixed(batches: Sequence[Batch], replay: Sequence[Batch], *, share: float, seed: int) -> list[Batch]:
    """Return the batches with so many of `replay` strewn in that those are `share` of all."""
    random = Random(f"{seed}/replay")  # noqa: S311
    wanted = round(len(batches) * share / (1 - share))
    strewn = [replay[number % len(replay)] for number in range(wanted)]
    places = sorted(random.randrange(len(batches) + 1) for _ in strewn)
    result = list(batches)
    for offset, (place, batch) in enumerate(zip(places, strewn, strict=True)):
        result.insert(place + offset, batch)
    return result


def _shuffled(items: list[T], random: Random) -> list[T]:
    return random.sample(items, len(items))
