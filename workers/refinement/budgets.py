"""What a language model may cost: tokens and money, promised before a call and settled after it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, inf

_CHARACTERS_A_TOKEN = 3.5  # of English under the tokenizers of today, rather too few than too many


class BudgetSpent(Exception):
    """The next call might cost more than is left."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.prompt + other.prompt, self.completion + other.completion)

    @property
    def tokens(self) -> int:
        return self.prompt + self.completion


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """Of a million tokens, in whatever currency the budget is in."""

    prompt: float = 0.0
    completion: float = 0.0

    def cost(self, usage: Usage) -> float:
        return (usage.prompt * self.prompt + usage.completion * self.completion) / 1e6


class Budget:
    """Is not overdrawn by calls made at once: each holds back the most it may cost until it is over.

    What a server charges for a call that it never answered is not known and not counted.
    """

    def __init__(self, *, tokens: float = inf, cost: float = inf, prices: Prices | None = None) -> None:
        self._tokens = tokens
        self._cost = cost
        self.prices = prices or Prices()
        self.spent = Usage()
        self.is_spent = False  #: a call was refused: what is left would not have paid for it
        self._held = Usage()
        self._lock = threading.Lock()

    def add(self, usage: Usage) -> None:
        with self._lock:
            self.spent += usage

    @contextmanager
    def holding(self, most: Usage) -> Iterator[None]:
        """Hold `most` back while a call runs. Raises BudgetSpent where that is more than is left."""
        with self._lock:
            planned = self.spent + self._held + most
            if planned.tokens > self._tokens or self.prices.cost(planned) > self._cost:
                self.is_spent = True
                raise BudgetSpent(f"{self.spent.tokens} tokens are spent; the next call may need {most.tokens} more.")
            self._held += most
        try:
            yield
        finally:
            with self._lock:
                self._held += Usage(-most.prompt, -most.completion)


def tokens_in(text: str) -> int:
    """Guess the tokens of a text whose tokenizer is the server's affair."""
    return ceil(len(text) / _CHARACTERS_A_TOKEN)
