"""Which texts go through the model together: neighbours in length, up to a budget of tokens."""

from collections.abc import Iterator, Sequence


def by_budget(lengths: Sequence[int], *, budget: int) -> Iterator[list[int]]:
    """Yield batches of positions, longest texts first, no batch padded beyond `budget` tokens.

    A text longer than the budget goes alone. Longest first, so that what does not fit into memory
    fails at once and not at the end.
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        widest = lengths[batch[0]] if batch else lengths[position]
        if batch and widest * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
