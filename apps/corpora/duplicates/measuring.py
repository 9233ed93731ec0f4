"""How often two texts are rightly said to be copies. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apps.corpora.duplicates.grouping import COMPARED, OF_A_KEY, connected
from apps.corpora.duplicates.normalising import Normalised, normalise
from apps.corpora.duplicates.signatures import marks_of
from apps.corpora.duplicates.similarity import says_the_same

Labels = Mapping[tuple[str, str], bool]


@dataclass(frozen=True, slots=True)
class Score:
    right: int
    wrong: int  #: found, and not so
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right else 0.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right else 0.0


def in_pairs(labels: Labels, texts: Mapping[str, str]) -> Score:
    """Compare each labelled pair by itself."""
    known = {key: normalise(texts[key]) for pair in labels for key in pair}
    return _score(labels, {pair for pair in labels if says_the_same(known[pair[0]], known[pair[1]])})


def in_groups(labels: Labels, texts: Mapping[str, str]) -> Score:
    """Group all the texts as the product does, one after the other, and look where the labelled pairs went."""
    group_of = {key: number for number, group in enumerate(_groups(texts)) for key in group}
    together = {pair for pair in labels if pair[0] in group_of and group_of.get(pair[0]) == group_of.get(pair[1])}
    return _score(labels, together)


def _groups(texts: Mapping[str, str]) -> list[set[str]]:
    keys = list(texts)
    pairs = connected(_alike([normalise(texts[key]) for key in keys]))
    return [{keys[number] for number in group} for group in pairs]


def _alike(texts: list[Normalised]) -> Iterator[tuple[int, int]]:
    holders: dict[int, list[int]] = defaultdict(list)
    first: dict[int, int] = {}
    for number, text in enumerate(texts):
        marks = marks_of(text)
        if marks is None:
            continue
        leader = first.setdefault(marks.text_key, number)
        if leader != number:
            yield leader, number
            continue
        met = Counter(other for key in marks.keys for other in holders[key][-OF_A_KEY:])
        yield from ((other, number) for other, _ in met.most_common(COMPARED) if says_the_same(texts[other], text))
        for key in marks.keys:
            holders[key].append(number)


def _score(labels: Labels, found: set[tuple[str, str]]) -> Score:
    same = {pair for pair, is_same in labels.items() if is_same}
    return Score(right=len(same & found), wrong=len(found - same), missed=len(same - found))
