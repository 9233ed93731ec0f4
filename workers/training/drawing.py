"""From the examples of a batch to the texts of a step, and which of them are whose candidates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from apps.retrievers.card import RetrieverCard
from workers.records import Triple
from workers.refinement.examples import key_of
from workers.training.group import Group, StartVectors
from workers.training.guide import too_near
from workers.training.recipe import Contrastive
from workers.training.sources import KnownPositives


@dataclass(frozen=True, slots=True)
class Candidates:
    """Of a whole batch, over all devices: Q queries and P passages, group after group."""

    positives: NDArray[np.int64]  #: (Q,), places of passages
    allowed: NDArray[np.bool_]  #: (Q, P)
    teacher: NDArray[np.float32] | None  #: (Q, G), where all groups are of one size
    start: StartVectors | None = None  #: where training must not lead far from them


Start = Callable[[Sequence[Group]], StartVectors]


class Drawing:
    """Draws each step's passages by seed, step and place: the same ones whenever it is asked again."""

    def __init__(
        self, stage: Contrastive, card: RetrieverCard, *, known: KnownPositives, seed: int, start: Start | None = None
    ) -> None:
        self._start = start
        self._stage = stage
        self._card = card
        self._known = known
        self._seed = seed

    def groups(self, batch: Sequence[Triple], *, step: int) -> list[Group]:
        """Draw one positive of each example, and negatives: repeated where there are fewer than wanted.

        What answers the query in any file is none of them.
        """
        return [
            self._group(triple, Random(f"{self._seed}/{step}/{place}"))  # noqa: S311
            for place, triple in enumerate(batch)
        ]

    def candidates(self, groups: Sequence[Group]) -> Candidates:
        sizes = [len(group.passages) for group in groups]
        starts = np.cumsum([0, *sizes[:-1]])
        owners = np.repeat(np.arange(len(groups)), sizes)
        allowed = self._allowed(groups, owners, starts)
        start = self._start(groups) if self._start else None
        if start and self._stage.guard:
            allowed &= ~too_near(start.scores, allowed, starts, share=self._stage.guard, rank=self._stage.guard_rank)
        return Candidates(
            positives=starts.astype(np.int64),
            allowed=allowed,
            teacher=_teacher(groups) if len(set(sizes)) == 1 else None,
            start=start if self._stage.keep or self._stage.keep_vectors else None,
        )

    def _group(self, triple: Triple, random: Random) -> Group:
        chosen = random.randrange(len(triple.positives))
        answers = self._known.of(triple)
        wrong = [number for number, text in enumerate(triple.negatives) if key_of(text) not in answers]
        negatives = [wrong[place] for place in _repeated(len(wrong), self._stage.group - 1, random)]
        texts = (triple.positives[chosen], *(triple.negatives[number] for number in negatives))
        scores = (
            _score(triple.positive_scores, chosen),
            *(_score(triple.negative_scores, number) for number in negatives),
        )
        prompted = [self._passage_text(triple, text) for text in texts]
        query = self._card.query_text(triple.query, triple.intent)
        return Group(triple, query, tuple(prompted), tuple(map(key_of, texts)), scores)

    def _passage_text(self, triple: Triple, text: str) -> str:
        return self._card.query_text(text, triple.intent) if triple.symmetric else self._card.passage_text(text)

    def _allowed(
        self, groups: Sequence[Group], owners: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        own = owners[None, :] == np.arange(len(groups))[:, None]  # (Q, P)
        if self._stage.in_batch == "none":
            return own
        others = ~own
        if self._stage.in_batch == "positives":
            others &= np.isin(np.arange(len(owners)), starts)[None, :]
        keys = np.array([key for group in groups for key in group.keys], dtype=np.uint64)
        for number, group in enumerate(groups):  # what answers the query too is no negative of it
            answers = np.array([*self._known.of(group.triple), group.keys[0]], dtype=np.uint64)
            others[number] &= ~np.isin(keys, answers)
        return own | others


def _repeated(available: int, wanted: int, random: Random) -> list[int]:
    """Draw `wanted` numbers below `available`: each once before one comes again; none where there are none."""
    drawn: list[int] = []
    while available and len(drawn) < wanted:
        drawn += random.sample(range(available), min(available, wanted - len(drawn)))
    return drawn


def _score(scores: Sequence[float], number: int) -> float:
    return scores[number] if scores else float("-inf")


def _teacher(groups: Sequence[Group]) -> NDArray[np.float32] | None:
    scores = np.array([group.scores for group in groups], dtype=np.float32)
    return scores if np.isfinite(scores[:, 0]).any() else None
