"""What the benchmarks have in common: how the command line asks one to measure."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

#: Tells the person at the terminal what goes on.
Say = Callable[[str], object]


class Benchmark(Protocol):
    """A module here with one thing to measure; its figures are dataclasses."""

    def add_options(self, parser: ArgumentParser) -> None: ...

    @property
    def measure(self) -> Callable[..., Iterator[Any]]:
        """Takes the options by name, and `say`."""
        ...

    def table(self, figures: Sequence[Any]) -> Iterator[str]: ...


def whole_numbers(text: str) -> tuple[int, ...]:
    """Read numbers with commas between them: "10000,100000"."""
    if not all(number.isdecimal() for number in text.split(",")):
        raise ArgumentTypeError(f"{text!r}: give whole numbers with commas between them, such as 10000,100000.")
    return tuple(int(number) for number in text.split(","))
