"""What a killed run goes on from: weights, optimiser and random states, whole or not there at all."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from accelerate import Accelerator

from workers.refinement.journal import write_json

_STATE = "position.json"


@dataclass(slots=True)
class Position:
    """How far a stage is. `step` counts within the leg, `done` over all legs."""

    leg: int = 0
    step: int = 0
    done: int = 0
    best: float | None = None  #: highest development score so far
    stale: int = 0  #: scorings since then


class Checkpoints:
    """One checkpoint in a run's folder, replaced by the next."""

    def __init__(self, folder: Path, accelerator: Accelerator) -> None:
        self._folder = folder / "checkpoint"
        self._accelerator = accelerator

    def position(self) -> Position:
        """Return where the last checkpoint was written: the beginning where none was."""
        path = self._whole() / _STATE
        return Position(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else Position()

    def save(self, position: Position) -> None:
        """Write the prepared model and optimiser; all processes take part."""
        part = self._folder.with_suffix(".part")
        self._clear(part)
        self._accelerator.save_state(str(part))
        self._replace(part, position)

    def save_between_legs(self, position: Position) -> None:
        """Write the position alone: the weights of the leg that is done lie in a folder of their own."""
        part = self._folder.with_suffix(".part")
        self._clear(part)
        self._replace(part, position)

    def load(self) -> None:
        self._accelerator.load_state(str(self._whole()))

    def _clear(self, part: Path) -> None:
        if self._accelerator.is_main_process:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        self._accelerator.wait_for_everyone()

    def _replace(self, part: Path, position: Position) -> None:
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            write_json(part / _STATE, asdict(position))
            old = self._folder.with_suffix(".old")
            if self._folder.exists():  # else the old one is all there is
                shutil.rmtree(old, ignore_errors=True)
                self._folder.replace(old)
            part.replace(self._folder)
            shutil.rmtree(old, ignore_errors=True)
        self._accelerator.wait_for_everyone()

    def _whole(self) -> Path:
        """Return the checkpoint, or the one before it if the process died between two renames."""
        return self._folder if self._folder.exists() else self._folder.with_suffix(".old")
