"""Fit how search tells claims from premises, on labelled queries in DMRetriever's JSONL form.

Prints how often statements of each file are read right by weights that were fitted without them: without a quarter of
every file in turn, and without all files of their source. Only words that several sources share are weighed, so that
what is learned is how claims and premises are written and not what they are about.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from apps.search.form import Form
from apps.search.premises import BIAS, WEIGHTS, signs

CLAIMS, PREMISES = "FC", "NLI"
_QUARTERS = 4
_SOURCES = 2  # that share a word before it is weighed
_OCCURRENCES = 3
_REGULARISATION = 0.1
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Example:
    form: Form
    file: str
    is_premise: bool

    @property
    def source(self) -> str:
        """FC_healthver and NLI_healthver_nli are of one source."""
        return self.file.split("_", 1)[1].removesuffix("_nli")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.evaluation.premises", description=__doc__)
    parser.add_argument("folder", type=Path, help="JSONL files, the intent first in the name: FC_…, NLI_…")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args(arguments)
    examples = read(options.folder)
    if not examples:
        sys.stderr.write(f"{options.folder} has no statements in files named FC_… and NLI_….\n")
        return 1
    quarters = np.random.default_rng(0).integers(0, _QUARTERS, len(examples))
    by_quarter = dict(zip(map(id, examples), quarters, strict=True))
    _tell("a quarter of each file left out", _right(examples, lambda example: str(by_quarter[id(example)])))
    _tell("its source left out", _right(examples, lambda example: example.source))
    weights = fit(examples)
    options.out.write_text(json.dumps(weights, ensure_ascii=False, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(examples)} statements, {len(weights)} weights in {options.out}\n")
    return 0


def read(folder: Path) -> list[Example]:
    """Read the statements among the queries; questions are told by their form."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        if (intent := path.stem.split("_", 1)[0]) in (CLAIMS, PREMISES):
            with path.open(encoding="utf-8") as lines:
                forms = [Form.of(text) for text in sorted({json.loads(line)["query"] for line in lines})]
            found += [Example(form, path.stem, intent == PREMISES) for form in forms if form.is_plain_statement]
    return found


def fit(examples: Sequence[Example]) -> dict[str, float]:
    """Return the weight of each sign, above 0 for premises; every file weighs the same within its side."""
    features = [signs(example.form) for example in examples]
    kept = _shared(examples, features)
    vectorizer = DictVectorizer(dtype=np.float32)
    rows = vectorizer.fit_transform([{sign: f[sign] for sign in f.keys() & kept} for f in features])
    files = Counter(example.file for example in examples)
    sides = Counter(name.split("_", 1)[0] for name in files)
    shares = [1 / files[e.file] / sides[e.file.split("_", 1)[0]] for e in examples]
    model = LogisticRegression(C=_REGULARISATION, max_iter=1_000)
    model.fit(
        rows, [example.is_premise for example in examples], sample_weight=np.array(shares) * len(shares) / sum(shares)
    )
    weights = dict(zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)) | {BIAS: model.intercept_[0]}
    return {str(sign): round(float(weight), _DIGITS) for sign, weight in weights.items() if round(weight, _DIGITS)}


def _shared(examples: Sequence[Example], features: Sequence[dict[str, float]]) -> set[str]:
    sources: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for example, found in zip(examples, features, strict=True):
        counts.update(found.keys())
        for sign in found:
            sources[sign].add(example.source)
    return {
        sign
        for sign, count in counts.items()
        if "'" not in sign or (count >= _OCCURRENCES and len(sources[sign]) >= _SOURCES)
    }


def _right(examples: Sequence[Example], group_of: Callable[[Example], str]) -> dict[str, float]:
    """Return by file how often statements are read right by weights fitted on the other groups."""
    right: dict[str, list[bool]] = defaultdict(list)
    for group in sorted(set(map(group_of, examples))):
        weights = fit([example for example in examples if group_of(example) != group])
        for example in examples:
            if group_of(example) == group:
                right[example.file].append(_is_premise(weights, example.form) == example.is_premise)
    return {name: float(np.mean(found)) for name, found in sorted(right.items())}


def _is_premise(weights: dict[str, float], form: Form) -> bool:
    return sum(value * weights.get(sign, 0.0) for sign, value in signs(form).items()) + weights[BIAS] > 0


def _tell(what: str, right: dict[str, float]) -> None:
    told: Iterable[str] = (f"{name} {share:.3f}" for name, share in right.items())
    sys.stdout.write(f"read right, {what}: {', '.join(told)}\n")


if __name__ == "__main__":
    sys.exit(main())
