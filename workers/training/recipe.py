"""All dials of a training, in one frozen record read from a TOML file. An unknown key is an error.

The defaults are those of the paper (arXiv 2510.15087) where it names them; files in `recipes/` say the rest.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from apps.retrievers.intents import Intent

StageName = Literal["stage1", "stage2", "stage3"]


class BadRecipe(ValueError):
    """The recipe cannot be used; the message names file and key."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(_Table):
    card: str  #: the member of the family that is trained: gives shape, pooling and kind
    backbone: str = ""  #: what the first stage starts from: a card's name, a hub id or a folder (default: the card's)
    name: str = ""  #: of the result (default: the card's)
    max_tokens: PositiveInt = 512  #: of queries and of passages
    instructions: bool = True  #: stage 3 puts the intent's instruction before the query
    dropout: bool = True  #: as the backbone's configuration says; off is 1.4 times as fast
    gradient_checkpointing: bool = False  #: less memory, a third more time
    precision: Literal["bf16", "fp32"] = "bf16"  #: of the arithmetic; weights are kept in fp32


class Lora(_Table):
    """Train a low-rank addition instead of all weights."""

    rank: PositiveInt = 16
    alpha: PositiveInt = 32
    dropout: float = Field(default=0.1, ge=0, lt=1)
    targets: tuple[str, ...] = ()  #: names of linear layers (default: all)


class Stage(_Table):
    """What all stages have."""

    data: tuple[str, ...] = ()  #: files; patterns, ~ and $VARIABLES will do
    learning_rate: PositiveFloat
    batch: PositiveInt  #: examples a step and device
    epochs: PositiveInt = 1
    weight_decay: NonNegativeFloat = 0.0
    warmup: float = Field(default=0.0, ge=0, le=1)  #: share of the steps in which the rate rises
    schedule: Literal["linear", "cosine", "constant"] = "linear"  #: how the rate falls after that
    clip: NonNegativeFloat = 1.0  #: longest gradient; 0 for any
    micro_tokens: NonNegativeInt = 0  #: padded tokens that go through the model together (0: what suits the device)
    cache_gradients: bool = False  #: batches larger than memory, for one more pass through the model
    steps: NonNegativeInt = 0  #: stop after so many (0: all)
    checkpoint_every: PositiveInt = 200  #: steps
    lora: Lora | None = None


class Stage1(Stage):
    """Masked next-token prediction, so that a decoder learns to use what comes after a token."""

    masked: float = Field(default=0.2, gt=0, lt=1)
    mask_token: str = "_"  # noqa: S105
    sequence: PositiveInt = 512  #: tokens


class Contrastive(Stage):
    temperature: PositiveFloat = 0.01
    one_source: bool = True  #: every batch from one file only
    source_limit: NonNegativeInt = 0  #: examples of one file an epoch (0: all)
    weights: Mapping[Intent, NonNegativeFloat] = {}  #: how often an intent's examples are seen in an epoch (default: 1)
    in_batch: Literal["none", "positives", "all"] = "none"  #: whose passages are negatives besides the own group's
    guard: NonNegativeFloat = (
        0.0  #: no negative is what the start scores above so much of the positive's score (0: off)
    )
    guard_rank: NonNegativeInt = (
        0  #: unless the start puts more passages of the batch than this before the positive (0: always)
    )
    keep: float = Field(default=0.0, ge=0, lt=1)  #: share of the loss that is the distance to the start's scores
    keep_temperature: PositiveFloat = 0.05
    keep_vectors: NonNegativeFloat = 0.0  #: weight of the mean angle (1 - cosine) between our vectors and the start's
    group: PositiveInt = 1  #: a positive and its negatives


class Stage2(Contrastive):
    """Unsupervised contrastive pre-training on pairs."""

    in_batch: Literal["none", "positives", "all"] = "positives"


class Stage3(Contrastive):
    """Instruction fine-tuning through levels of difficulty, the easiest first."""

    levels: tuple[tuple[str, ...], ...] = ()  #: the files of each level; `data` instead for a single one
    restart: bool = True  #: a fresh optimiser and rate for every level, or one for all of them
    one_source: bool = False
    group: PositiveInt = 10
    teacher_weight: float = Field(default=0.0, ge=0, le=1)  #: share of the loss that is the distance to the teacher
    teacher_temperature: PositiveFloat = 0.05
    replay: tuple[str, ...] = ()  #: files of what the model must not forget
    replay_share: float = Field(default=0.0, ge=0, lt=1)  #: of all batches
    soup: tuple[float, ...] = ()  #: shares of the trained weights to try in a mean with those it started from


class Development(_Table):
    """Scoring while it trains: the best weights are kept, and it stops where nothing is gained."""

    sets: tuple[str, ...]  #: BEIR folders; patterns will do
    every: PositiveInt = 100  #: steps
    queries: NonNegativeInt = 0  #: of each set (0: all)
    passages: NonNegativeInt = 0  #: of each set, those with a judgment always among them (0: all)
    patience: NonNegativeInt = 0  #: scorings without a gain after which it stops (0: never)


class Recipe(_Table):
    model: Model
    output: str  #: folder; each stage has its own in it
    seed: int = 0
    stage1: Stage1 | None = None
    stage2: Stage2 | None = None
    stage3: Stage3 | None = None
    development: Development | None = None

    def stage(self, name: StageName) -> Stage:
        stage: Stage | None = getattr(self, name)
        if stage is None:
            raise BadRecipe(f"The recipe has no [{name}].")
        return stage

    def stage_before(self, name: StageName) -> StageName | None:
        names: tuple[StageName, ...] = ("stage1", "stage2", "stage3")
        before = [other for other in names[: names.index(name)] if getattr(self, other)]
        return before[-1] if before else None


def read_recipe(path: Path, *, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe. changes: "stage3.batch=16" and the like, in TOML, over what the file says.

    Raises BadRecipe naming the key that is unknown, missing or wrong.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        for change in changes:
            _change(fields, change)
        return Recipe.model_validate(fields)
    except ValidationError as error:
        told = "; ".join(_told(problem) for problem in error.errors())
        raise BadRecipe(f"{path}: {told}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadRecipe(f"{path}: not TOML: {error}") from error


def files_of(patterns: Sequence[str]) -> list[Path]:
    """Return the files or folders of patterns, in order of name within each. Raises ValueError where there are none."""
    found: list[Path] = []
    for pattern in patterns:
        full = Path(os.path.expandvars(pattern)).expanduser()
        if "$" in str(full):
            raise ValueError(f"{pattern}: the environment variable is not set.")
        anchor = Path(full.anchor) if full.is_absolute() else Path()
        matched = sorted(anchor.glob(str(full.relative_to(anchor))))
        if not matched:
            raise ValueError(f"{full}: there is no such file.")
        found += matched
    return found


def _change(fields: dict[str, Any], change: str) -> None:
    key, equals, value = change.partition("=")
    if not equals:
        raise BadRecipe(f"{change!r}: write KEY=VALUE, stage3.batch=16 for instance.")
    *tables, last = key.strip().split(".")
    for table in tables:
        fields = fields.setdefault(table, {})
    fields[last] = _value(value.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a word without quotes


def _told(problem: Any) -> str:
    key = ".".join(map(str, problem["loc"]))
    said = {"extra_forbidden": "no such key", "missing": "is missing"}
    return f"{key}: {said.get(problem['type'], problem['msg'])}"
