"""A group, what a query is compared with in a step, and what the model made of a batch of them before training."""

from dataclasses import dataclass
from typing import NamedTuple

from workers.encoders.base import Vectors
from workers.records import Triple


@dataclass(frozen=True, slots=True)
class Group:
    """A query with its positive and then its negatives, as texts for the model."""

    triple: Triple
    query: str
    passages: tuple[str, ...]
    keys: tuple[int, ...]  #: of the passages, by which equal ones are known
    scores: tuple[float, ...]  #: the teacher's; -inf where it gave none


class StartVectors(NamedTuple):
    """By the model that training starts from: Q queries and P passages of a batch, group after group."""

    queries: Vectors  #: (Q, D)
    passages: Vectors  #: (P, D)

    @property
    def scores(self) -> Vectors:
        return self.queries @ self.passages.T
