"""One step of stages 2 and 3: texts of a batch to vectors, vectors of all devices to a loss, and the way back.

With cached gradients (GradCache, arXiv 2101.06983) the vectors are computed twice: first without a graph, for the
loss and its gradient by each vector; then part by part with one, so that memory holds one part at a time. The
result is the same.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from workers.encoders.batches import by_budget
from workers.encoders.tokenizing import TextTokenizer, padded
from workers.training.batches import Batch
from workers.training.devices import equal_parts, gathered, micro_tokens, own_share
from workers.training.drawing import Candidates, Drawing
from workers.training.group import Group
from workers.training.losses import contrastive_loss, drift, kept_loss, teacher_loss
from workers.training.recipe import Contrastive, Stage3

Micro = tuple[list[int], Tensor, Tensor]  #: places of the texts, their token ids and mask


class ContrastiveStep:
    def __init__(
        self, stage: Contrastive, drawing: Drawing, *, tokenizer: TextTokenizer, accelerator: Accelerator
    ) -> None:
        self._stage = stage
        self._drawing = drawing
        self._tokenizer = tokenizer
        self._accelerator = accelerator

    def backward(self, model: nn.Module, batch: Batch, *, step: int) -> tuple[float, int]:
        """Add this batch's gradient to the model's; return the loss over all devices and how many tokens we read."""
        groups = self._drawing.groups(batch, step=step)
        parts = self._micro_batches(own_share(groups, self._accelerator))
        pass_through = self._cached if self._stage.cache_gradients else self._at_once
        return pass_through(model, groups, parts), sum(int(mask.sum()) for _, _, mask in parts)

    def _at_once(self, model: nn.Module, groups: Sequence[Group], parts: Sequence[Micro]) -> float:
        with self._accelerator.autocast():  # round all parts: the weights are cast once
            vectors = _in_order([model(ids, mask) for _, ids, mask in parts], parts)
        loss = self._loss(groups, vectors)
        self._accelerator.backward(loss * self._accelerator.num_processes)
        return loss.item()

    def _cached(self, model: nn.Module, groups: Sequence[Group], parts: Sequence[Micro]) -> float:
        states = []
        first: list[Tensor] = []
        with torch.no_grad(), self._accelerator.autocast():
            for _, ids, mask in parts:
                states.append(_random_state())
                first.append(model(ids, mask))
        vectors = _in_order(first, parts).requires_grad_()
        loss = self._loss(groups, vectors)
        loss.backward()  # type: ignore[no-untyped-call]  # to the vectors and no further
        assert vectors.grad is not None  # noqa: S101 - every vector is in the loss
        slopes = vectors.grad * self._accelerator.num_processes
        with self._accelerator.autocast():  # another one: weights cast without a graph are of no use here
            for number, (places, ids, mask) in enumerate(parts):
                last = number == len(parts) - 1
                with nullcontext() if last else self._accelerator.no_sync(model), _same_dropout(states[number]):
                    self._accelerator.backward((model(ids, mask) * slopes[places]).sum())
        return loss.item()

    def _loss(self, groups: Sequence[Group], own: Tensor) -> Tensor:
        """Return the loss over the whole batch. own: our queries' vectors, then our passages'."""
        devices = self._accelerator.num_processes
        share = len(groups) // devices
        sizes = [
            sum(len(group.passages) for group in groups[start : start + share]) for start in _starts(groups, share)
        ]
        queries = gathered(own[:share], self._accelerator, counts=[share] * devices)
        passages = gathered(own[share:], self._accelerator, counts=sizes)
        return self._of_vectors(queries, passages, self._drawing.candidates(groups))

    def _of_vectors(self, queries: Tensor, passages: Tensor, candidates: Candidates) -> Tensor:
        stage, device = self._stage, queries.device
        loss = contrastive_loss(
            queries,
            passages,
            positives=torch.from_numpy(candidates.positives).to(device),
            candidates=torch.from_numpy(candidates.allowed).to(device),
            temperature=stage.temperature,
        )
        if candidates.start:
            start_queries, start_passages = (torch.from_numpy(each).to(device) for each in candidates.start)
            loss = (1 - stage.keep) * loss + self._kept(queries, passages, start=(start_queries, start_passages))
        weight = stage.teacher_weight if isinstance(stage, Stage3) else 0.0
        if not weight or candidates.teacher is None or not isinstance(stage, Stage3):
            return loss
        learned = teacher_loss(
            queries,
            passages.view(len(queries), -1, passages.shape[1]),
            torch.from_numpy(candidates.teacher).to(device),
            temperature=stage.temperature,
            teacher_temperature=stage.teacher_temperature,
        )
        return (1 - weight) * loss + weight * learned

    def _kept(self, queries: Tensor, passages: Tensor, start: tuple[Tensor, Tensor]) -> Tensor:
        scores = kept_loss(queries, passages, start[0] @ start[1].T, temperature=self._stage.keep_temperature)
        vectors = drift(queries, start[0]) + drift(passages, start[1])
        return self._stage.keep * scores + self._stage.keep_vectors * vectors

    def _micro_batches(self, groups: Sequence[Group]) -> list[Micro]:
        """Tokenise queries and passages and put texts of like length together, the longest first."""
        texts = [group.query for group in groups] + [text for group in groups for text in group.passages]
        rows = self._tokenizer.token_ids(texts)
        lengths = [len(row) for row in rows]
        parts = list(by_budget(lengths, budget=micro_tokens(self._stage.micro_tokens, self._accelerator)))
        if wanted := equal_parts(len(parts), self._accelerator):
            order = [place for part in parts for place in part]
            parts = [list(part) for part in np.array_split(order, wanted)]
        return [self._micro(rows, part) for part in parts]

    def _micro(self, rows: Sequence[Sequence[int]], places: list[int]) -> Micro:
        ids, mask = padded([rows[place] for place in places], pad_id=self._tokenizer.pad_id)
        device = self._accelerator.device
        return places, torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def _starts(groups: Sequence[Group], share: int) -> range:
    return range(0, len(groups), share)


def _in_order(vectors: Sequence[Tensor], parts: Sequence[Micro]) -> Tensor:
    """Put vectors that were computed by length back into the order of their texts."""
    places = torch.tensor([place for part, _, _ in parts for place in part])
    return torch.cat(list(vectors))[torch.argsort(places).to(vectors[0].device)]


def _random_state() -> tuple[Tensor, list[Tensor]]:
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


class _same_dropout:  # noqa: N801 - reads as the context manager it is
    """Drop the same units as in the first pass, and leave the generators as they are now."""

    def __init__(self, state: tuple[Tensor, list[Tensor]]) -> None:
        self._state = state

    def __enter__(self) -> None:
        self._now = _random_state()
        _set_random_state(self._state)

    def __exit__(self, *_: Any) -> None:
        _set_random_state(self._now)


def _set_random_state(state: tuple[Tensor, list[Tensor]]) -> None:
    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])
