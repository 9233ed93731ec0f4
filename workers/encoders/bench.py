"""How fast each backend encodes, against plain `SentenceTransformer.encode` and the machine's own peak.

Every round times all backends one after the other and each keeps its best, so that a busy moment of
the machine favours nobody.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open

from apps.retrievers.calibrations import this_machine
from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from apps.retrievers.fingerprints import weight_files
from apps.retrievers.tokens import whole_text_tokenizer
from workers.encoders.backends import open_backend
from workers.encoders.base import Vectors

PASSAGE_TOKENS, QUERY_TOKENS = 256, 12
_PASSAGES, _QUERIES = 64, 64
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
BASELINE = "sentence-transformers"
_WORDS = (
    "water flood levee river village shelter evacuation storm surge wind roof power line outage road bridge "
    "closed rescue team boat helicopter injured hospital clinic medicine fever outbreak vaccine supply food "
    "blanket tent family child elderly warning siren forecast rain gauge crest dam release gate pump sandbag "
    "volunteer police fire smoke ash tremor fault aftershock rubble search dog chemical leak plume wind mask"
).split()

Encode = Callable[[Sequence[str]], Vectors]
Clock = Callable[[], float]


@dataclass(kw_only=True)
class Timing:
    """One backend's best. Rates are texts a second; cosine is the lowest to the baseline's vectors."""

    name: str
    passages_per_s: float = 0.0
    queries_per_s: float = 0.0
    passages_ratio: float = 1.0
    queries_ratio: float = 1.0
    cosine: float = 1.0
    peak_share: float = 0.0  #: of the machine's measured matmul rate, in this precision, on passages; 0: not measured


@dataclass(kw_only=True)
class Report:
    model: str
    revision: str
    machine: str
    threads: int
    peak_gflops: dict[str, float]
    backends: list[Timing] = field(default_factory=list)

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    def as_table(self) -> str:
        heads = f"{'backend':22} {'passages/s':>10} {'queries/s':>10} {'×':>6} {'×':>6} {'cosine':>8} {'of peak':>8}"
        rows = [
            f"{row.name:22} {row.passages_per_s:10.1f} {row.queries_per_s:10.1f} {row.passages_ratio:6.2f}"
            f" {row.queries_ratio:6.2f} {row.cosine:8.5f} {f'{row.peak_share:.0%}' if row.peak_share else '–':>8}"
            for row in self.backends
        ]
        about = f"{self.model} at {self.revision} on {self.machine}; matmul peak {self.peak_gflops} GFLOP/s"
        return "\n".join([about, heads, *rows])


class Sample(NamedTuple):
    passages: list[str]
    queries: list[str]


class Contestant(NamedTuple):
    """A backend as an embed worker opens it, and as a query worker does."""

    passages: Encode
    queries: Encode


def bench(
    card: RetrieverCard,
    checkpoint: Checkpoint,
    *,
    backends: Sequence[str],
    rounds: int,
    clock: Clock = time.perf_counter,
) -> Report:
    """Time the baseline and `backends` on the CPU, by the clock given."""
    plain = _sentence_transformers(checkpoint.path)
    encoders = {BASELINE: Contestant(passages=plain, queries=plain)}
    encoders |= {name: _opened(card, checkpoint, name) for name in backends}
    sample = Sample(
        passages=texts(checkpoint.path, tokens=PASSAGE_TOKENS, count=_PASSAGES),
        queries=texts(checkpoint.path, tokens=QUERY_TOKENS, count=_QUERIES),
    )
    every = sample.passages + sample.queries
    expected = plain(every)
    timings = {
        name: Timing(name=name, cosine=min(_agreement(encode(every), expected) for encode in encoder))
        for name, encoder in encoders.items()
    }
    peaks = dict.fromkeys(_DTYPES, 0.0)
    for _ in range(rounds):
        peaks = {name: max(peak, _matmul_rate(_DTYPES[name], clock)) for name, peak in peaks.items()}
        for name, encoder in encoders.items():
            _time_round(timings[name], encoder, sample, clock=clock)
    _compare(timings, work=gflop_of_passage(card, checkpoint.path), peaks=peaks)
    return Report(
        model=card.name,
        revision=checkpoint.revision,
        machine=this_machine(),
        threads=torch.get_num_threads(),
        peak_gflops=peaks,
        backends=list(timings.values()),
    )


def texts(checkpoint: Path, *, tokens: int, count: int) -> list[str]:
    """Return different texts of exactly `tokens` tokens, or one fewer where a word is two."""
    tokenizer = whole_text_tokenizer(checkpoint)
    pick = random.Random(0)  # noqa: S311  the same texts each time
    made = []
    for _ in range(count):
        words = [pick.choice(_WORDS)]
        while len(tokenizer.encode(" ".join(words)).ids) < tokens:
            words.append(pick.choice(_WORDS))
        made.append(" ".join(words if len(tokenizer.encode(" ".join(words)).ids) == tokens else words[:-1]))
    return made


def gflop_of_passage(card: RetrieverCard, checkpoint: Path) -> float:
    """Return the arithmetic of one passage: two operations a weight and token, and the attention itself."""
    shapes = [shape for path in weight_files(checkpoint) for shape in _matrix_shapes(path)]
    weights = sum(rows * columns for rows, columns in shapes)
    attention = 2 * card.layers * PASSAGE_TOKENS * card.dim
    return 2 * PASSAGE_TOKENS * (weights + attention) / 1e9


def _sentence_transformers(folder: Path) -> Encode:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")

    def encode(batch: Sequence[str]) -> Vectors:
        return model.encode(list(batch), normalize_embeddings=True, show_progress_bar=False)

    return encode


def _opened(card: RetrieverCard, checkpoint: Checkpoint, backend: str) -> Contestant:
    opened = partial(open_backend, card, checkpoint, backend=backend, device="cpu")
    return Contestant(passages=opened(workload="passages").encode, queries=opened(workload="queries").encode)


def _agreement(found: Vectors, expected: Vectors) -> float:
    """Return the lowest cosine between a text's vector and the baseline's."""
    return round(float((found * expected).sum(axis=1).min()), 6)


def _time_round(timing: Timing, encoder: Contestant, sample: Sample, *, clock: Clock) -> None:
    """Time passages all at once and queries one by one; keep what is better than before."""
    started = clock()
    encoder.passages(sample.passages)
    passages_per_s = len(sample.passages) / (clock() - started)
    started = clock()
    for query in sample.queries:
        encoder.queries([query])
    queries_per_s = len(sample.queries) / (clock() - started)
    timing.passages_per_s = max(timing.passages_per_s, round(passages_per_s, 1))
    timing.queries_per_s = max(timing.queries_per_s, round(queries_per_s, 1))


def _compare(timings: dict[str, Timing], *, work: float, peaks: dict[str, float]) -> None:
    base = timings[BASELINE]
    for name, timing in timings.items():
        timing.passages_ratio = round(timing.passages_per_s / base.passages_per_s, 2)
        timing.queries_ratio = round(timing.queries_per_s / base.queries_per_s, 2)
        if "int8" not in name:
            timing.peak_share = round(timing.passages_per_s * work / peaks["bf16" if "bf16" in name else "fp32"], 3)


def _matmul_rate(dtype: torch.dtype, clock: Clock) -> float:
    """Return the best rate of a large matrix product, in GFLOP/s: torch's, or NumPy's, which may be the faster in fp32."""
    side = 1_024
    left, right = torch.randn(side, side).to(dtype), torch.randn(side, side).to(dtype)
    pairs: list[tuple[Any, Any]] = [(left, right)]
    if dtype == torch.float32:
        pairs.append((left.numpy(), right.numpy()))
    seconds = []
    for _ in range(4):
        for one, other in pairs:
            started = clock()
            one @ other
            seconds.append(clock() - started)
    return round(2 * side**3 / min(seconds) / 1e9, 1)


def _matrix_shapes(path: Path) -> list[tuple[int, int]]:
    """Return the shapes of the weights that every token is multiplied by: no embeddings, no pooler."""
    with safe_open(path, framework="np") as file:
        names = [name for name in file.keys() if "embed" not in name and "pooler" not in name]  # noqa: SIM118
        shapes = [tuple(file.get_slice(name).get_shape()) for name in names]
    return [(shape[0], shape[1]) for shape in shapes if len(shape) == 2]
