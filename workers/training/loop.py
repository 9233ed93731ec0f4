"""The loop all stages share: step, clip, learn, write down, score, keep the best, be ready to be killed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from accelerate import Accelerator
from torch import nn
from torch.optim import Optimizer

from apps.retrievers.card import RetrieverCard
from workers.refinement.progress import Progress
from workers.training.checkpoints import Checkpoints, Position
from workers.training.curve import Curve
from workers.training.development import Examiner
from workers.training.model import decay_groups, learned
from workers.training.recipe import Development, Stage
from workers.training.schedules import rate_at
from workers.training.weights import save_weights


class Work(Protocol):
    """What a stage does with a batch."""

    def __call__(self, model: nn.Module, number: int, *, done: int) -> tuple[float, int]:
        """Add the gradient of the `number`-th batch of the leg; return its loss and how many tokens were read.

        done: steps over all legs so far; all chance depends on it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a stage with a schedule of its own: a level of difficulty, or all of it."""

    name: str
    steps: int
    work: Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a stage trains with, and where."""

    stage: Stage
    card: RetrieverCard
    start: Path  #: the folder its weights and tokenizer came from
    folder: Path  #: of this run
    accelerator: Accelerator
    development: Development | None
    examiner: Examiner | None


class Trainer:
    """Trains one stage, leg after leg, from where its last checkpoint left it."""

    def __init__(self, around: Surroundings, legs: Sequence[Leg]) -> None:
        self._around = around
        self._legs = legs
        self._checkpoints = Checkpoints(around.folder, around.accelerator)
        self.position = self._checkpoints.position()
        self._curve = Curve(around.folder, done=self.position.done) if around.accelerator.is_main_process else None
        self._total = sum(leg.steps for leg in legs)
        self.stopped = self._out_of_patience()

    @property
    def is_done(self) -> bool:
        return self.stopped or self.position.leg == len(self._legs)

    def train_leg(self, model: nn.Module) -> nn.Module:
        """Train through the leg that the position is in; return the model as it is on the devices."""
        around, leg, position = self._around, self._legs[self.position.leg], self.position
        optimizer: Optimizer = torch.optim.AdamW(
            decay_groups(learned(model), around.stage.weight_decay), lr=around.stage.learning_rate, fused=True
        )
        model, optimizer = around.accelerator.prepare(model, optimizer)
        if position.step:
            self._checkpoints.load()
        elif not position.done:
            self._score(model)
        progress = self._progress(leg)
        while position.step < leg.steps and not self.stopped:
            self._step(model, optimizer, leg, progress=progress)
        return model

    def finish_leg(self, model: nn.Module) -> None:
        """Keep the weights of the leg, for the next one to start from."""
        around = self._around
        if not self.stopped:
            self._score(model)
        save_weights(model, around.card, around.folder / "last", start=around.start, accelerator=around.accelerator)
        self.position = Position(
            leg=self.position.leg + 1, done=self.position.done, best=self.position.best, stale=self.position.stale
        )
        self._checkpoints.save_between_legs(self.position)
        around.accelerator.free_memory()

    def _step(self, model: nn.Module, optimizer: Optimizer, leg: Leg, *, progress: Progress | None) -> None:
        around, position = self._around, self.position
        rate = rate_at(position.step, around.stage, steps=leg.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, tokens = leg.work(model, position.step, done=position.done)
        if around.stage.clip:
            around.accelerator.clip_grad_norm_(model.parameters(), around.stage.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        position.step += 1
        position.done += 1
        if self._curve and progress:
            self._curve.add_step(position.done, leg=leg.name, loss=loss, rate=rate, tokens=tokens)
            progress.advance(loss=round(loss, 4))
        every = around.development.every if around.development else 0
        if every and position.step % every == 0 and position.step < leg.steps:
            self._score(model)
        if position.step % around.stage.checkpoint_every == 0 and position.step < leg.steps:
            self._checkpoints.save(position)

    def _score(self, model: nn.Module) -> None:
        """Score on the development sets and keep the weights if they are the best so far."""
        around, position = self._around, self.position
        if around.examiner is None:
            return
        score = around.examiner.score(model, around.card)
        if self._curve:
            self._curve.add_score(position.done, score)
        if position.best is None or score.average > position.best:
            position.best, position.stale = score.average, 0
            if position.done:
                save_weights(
                    model, around.card, around.folder / "best", start=around.start, accelerator=around.accelerator
                )
        else:
            position.stale += 1
        self.stopped = self._out_of_patience()

    def _out_of_patience(self) -> bool:
        development = self._around.development
        return bool(development and development.patience and self.position.stale >= development.patience)

    def _progress(self, leg: Leg) -> Progress | None:
        if not self._around.accelerator.is_main_process:
            return None
        path = self._around.folder / "progress.json"
        return Progress(path, stage=leg.name, total=self._total, done=self.position.done)
