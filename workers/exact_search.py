"""Top k by brute force: the measuring stick for every index, and the miner's engine.

Works through blocks of passages, so memory does not grow with the corpus: at any number of dimensions 128 MB of
vectors and 64 MB of scores at most, and what of them beats the best so far. Equal scores are ranked
by row, lowest first, on every device, so a run can be repeated exactly.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]

_QUERIES_AT_A_TIME = 512
_PASSAGES_AT_A_TIME = 32_768  # with the queries 64 MB of scores
_BLOCK_BYTES = 128 << 20  # of vectors as they are compared, float32: 8,192 of 4,096 dimensions
_FIRST_PASSAGES = 1_024


class Hits(NamedTuple):
    """Pairs that may belong to the best: three arrays of one length."""

    queries: Rows
    rows: Rows
    scores: Matrix


#: (which queries, a block of passages, the score to beat for each query) -> the pairs that do
Finder = Callable[[slice, Any, Matrix], Hits]


def top_k(
    queries: "Matrix | torch.Tensor",
    passages: "Matrix | torch.Tensor | Iterable[Matrix]",
    k: int,
    *,
    exclude: Sequence[Collection[int]] | None = None,
    device: str = "cpu",
) -> tuple[Matrix, Rows]:
    """Return scores and rows, both (Q, k), of the k passages nearest to each query.

    queries: (Q, D); passages: (N, D), or blocks of it in order; scores are dot products.
    exclude: for each query, the rows not to return. Where fewer than k passages are left, the
    score is -inf and the row -1. Tensors, or a device other than the CPU, compute in torch.
    """
    if exclude is not None and len(exclude) != len(queries):
        raise ValueError(f"{len(exclude)} exclusions for {len(queries)} queries")
    find = _finder(queries, device)
    hidden = _pair_ids(exclude or [])
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    for first_row, block in _blocks(passages):
        for start in range(0, len(queries), _QUERIES_AT_A_TIME):
            part = slice(start, start + _QUERIES_AT_A_TIME)
            found = find(part, block, scores[part, -1])
            hits = _without(Hits(found.queries + start, found.rows + first_row, found.scores), hidden)
            best = _Best(scores[part], rows[part])
            scores[part], rows[part] = best.with_hits(hits._replace(queries=hits.queries - start))
    return scores, rows


class _Best(NamedTuple):
    """The best k of each query so far, best first; both (Q, k)."""

    scores: Matrix
    rows: Rows

    def with_hits(self, hits: Hits) -> "_Best":
        count, k = self.scores.shape
        queries = np.concatenate([np.repeat(np.arange(count), k), hits.queries])
        scores = np.concatenate([self.scores.ravel(), hits.scores])
        rows = np.concatenate([self.rows.ravel(), hits.rows])
        order = np.lexsort((rows, -scores, queries))
        starts = np.searchsorted(queries[order], np.arange(count))
        kept = order[starts[:, None] + np.arange(k)]  # (Q, k)
        return _Best(scores[kept], rows[kept])


def _blocks(passages: Any) -> Iterator[tuple[int, Any]]:
    """Yield slices with the row they start at, small ones first.

    Only what beats the k-th best so far is looked at, so a small first slice, from which nearly
    everything must be sorted, makes all the later ones cheap.
    """
    whole = hasattr(passages, "shape")
    seen = 0
    for block in [passages] if whole else passages:
        start, most = 0, _passages_at_a_time(dim=block.shape[1])
        while start < len(block):
            size = min(max(_FIRST_PASSAGES, seen), most, len(block) - start)
            yield seen, block[start : start + size]
            start, seen = start + size, seen + size


def _passages_at_a_time(*, dim: int) -> int:
    return max(_FIRST_PASSAGES, min(_PASSAGES_AT_A_TIME, _BLOCK_BYTES // (4 * dim)))


def _finder(queries: Any, device: str) -> Finder:
    if device == "cpu" and isinstance(queries, np.ndarray):
        return _numpy_finder(queries)
    return _torch_finder(queries, device)


def _numpy_finder(queries: Matrix) -> Finder:
    def find(part: slice, passages: Any, floor: Matrix) -> Hits:
        scores = queries[part] @ np.asarray(passages, dtype=queries.dtype).T
        numbers, rows = np.nonzero(scores > floor[:, None])
        return Hits(numbers, rows, scores[numbers, rows])

    return find


def _torch_finder(queries: Any, device: str) -> Finder:
    import torch

    tensor = torch.as_tensor(queries).float()
    tensor = tensor.to(device) if isinstance(queries, np.ndarray) else tensor

    def find(part: slice, passages: Any, floor: Matrix) -> Hits:
        scores = tensor[part] @ torch.as_tensor(passages).to(tensor).T
        pairs = torch.nonzero(scores > torch.from_numpy(floor).to(tensor)[:, None], as_tuple=True)
        return Hits(*(values.cpu().numpy() for values in (*pairs, scores[pairs])))

    return find


def _pair_ids(exclude: Sequence[Collection[int]]) -> Rows:
    """Return one number for each excluded pair of query and row."""
    pairs = [(query << 32) | row for query, rows in enumerate(exclude) for row in rows]
    return np.array(pairs, dtype=np.int64)


def _without(hits: Hits, hidden: Rows) -> Hits:
    if not hidden.size:
        return hits
    kept = ~np.isin((hits.queries << 32) | hits.rows, hidden)
    return Hits(hits.queries[kept], hits.rows[kept], hits.scores[kept])
