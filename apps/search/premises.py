"""Does a statement read like a claim or like a premise? Weighed by signs that were learned from both.

The weights are fitted by `python -m workers.evaluation.premises` and kept as data: here they are only added up.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apps.search.form import Form

WEIGHTS = Path(__file__).with_name("premises.json")
LENGTHS = (2, 4, 6, 8, 10, 12, 16, 20, 24, 30, 40)
BIAS = "bias"

_SHOWN_SIGNS = 2
_SIGNS = {
    "full stop": re.compile(r"\.$"),
    "brackets": re.compile(r"\("),
    "a percentage": re.compile(r"%"),
    "a number": re.compile(r"\d"),
    "a colon": re.compile(r":"),
    "a semicolon": re.compile(r";"),
    "a comma": re.compile(r","),
    "a small first letter": re.compile(r"^[a-z]"),
}


@dataclass(frozen=True, slots=True)
class Likeness:
    """`premise`: from 0, surely a claim, to 1, surely a premise; `signs`: what told most, in words."""

    premise: float
    signs: tuple[str, ...]

    @property
    def is_premise(self) -> bool:
        return self.premise > 0.5


def likeness(form: Form) -> Likeness:
    weights = _weights()
    told = {sign: value * weights[sign] for sign, value in signs(form).items() if sign in weights}
    total = sum(told.values()) + weights[BIAS]
    side = math.copysign(1, total)
    loudest = sorted((sign for sign in told if told[sign] * side > 0), key=lambda sign: -told[sign] * side)
    shown = dict.fromkeys(_in_words(sign, form) for sign in loudest)
    return Likeness(1 / (1 + math.exp(-max(-50.0, min(50.0, total)))), tuple(shown)[:_SHOWN_SIGNS])


def signs(form: Form) -> dict[str, float]:
    """Return what of a statement is weighed: its words, pairs of them, length and punctuation."""
    words = form.words
    found = {f"'{word}'": 1.0 for word in words}
    found |= {f"'{first} {second}'": 1.0 for first, second in pairwise(words)}
    found |= {f"begins with '{word}'": 1.0 for word in words[:1]}
    found |= {f"over {length} words": 1.0 for length in LENGTHS if len(words) > length}
    found |= {f"has {name}": 1.0 for name, pattern in _SIGNS.items() if pattern.search(form.text)}
    if form.sentences > 1:
        found["several sentences"] = 1.0
    capitals = len(re.findall(r"(?<=\s)[A-Z]", form.text))
    found["capital letters"] = capitals / max(1, len(words))
    return found


def _in_words(sign: str, form: Form) -> str:
    return f"is {len(form.words)} words long" if sign.startswith("over ") else sign


@cache
def _weights() -> dict[str, float]:
    weights: dict[str, float] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return weights
