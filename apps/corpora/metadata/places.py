"""The places that a text names, told apart by what stands around them: precision before recall. Pure."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.corpora.metadata.gazetteer import Gazetteer, Key, Place, display, gazetteer, plain
from apps.corpora.metadata.subject import Subject
from apps.corpora.metadata.words import Word

_TITLE_COUNTS = 3
_MOST = 3  # places, with the countries they lie in
_LONG = 400  # words
_SHARE = 0.34  # of the mentions of the main country
# A city this large is meant when its name stands alone; a smaller one needs its country or a word of place.
_KNOWN_BY_ALL = 1_000_000
_KNOWN_BY_MANY = 100_000
_OF_PLACE = frozenset(
    "in at near from around outside to of across over hit hits hitting struck strikes strike off inside toward towards through "
    "pray for en de à au aux dans sur sacude strikes rocks rock jolts shakes devastates north south east west central "
    "northern southern eastern western downtown leaves visit reach reaches via via".split()
)
# Capitalised words beside a name that do not make it the name of a person or a firm.
_OF_NAMES = frozenset(
    "city town county province state district region island islands airport marathon police fire fires flood floods earthquake "
    "quake typhoon hurricane cyclone storm crash explosion bombing bombings shooting train derailment floods wildfire wildfires "
    "haze disaster relief emergency outbreak tsunami victims survivors residents red cross north south east west central northern southern "
    "eastern western new in at near the from and of for downtown ebola cholera mayor governor government president helicopter nightclub factory building collapse "
    "nd st breaking update updated news video photo pray prayers prayfor ministry department republic".split()
)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a text plays."""

    names: list[str]  #: the main one first, each followed by its country
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class _Mention:
    first: int  #: which of the words
    last: int
    candidates: Sequence[Place]
    weight: int


def find(subject: Subject) -> Found:
    """Return the places that a text is about, the main one first."""
    known = gazetteer()
    reader = _Reader(subject.head, subject.words, known)
    head = _Reader(subject.own_title, subject.title_words, known, weight=_TITLE_COUNTS)
    sure = [*head.countries(), *reader.countries()]
    context = {place.country for mention in sure for place in mention.candidates[:1]}
    counts: Counter[Place] = Counter()
    for mention in sure:
        counts[mention.candidates[0]] += mention.weight
    for each in (head, reader):
        for mention in each.others():
            if place := each.choose(mention, context):
                counts[place] += mention.weight
    if len(subject.words) > _LONG:  # what it names in passing only
        counts = Counter({place: count for place, count in counts.items() if _of_country(place, counts) > 1})
    return _ranked(counts, known)


def _of_country(place: Place, counts: Counter[Place]) -> int:
    return sum(count for other, count in counts.items() if other.country == place.country)


def _ranked(counts: Counter[Place], known: Gazetteer) -> Found:
    by_country: Counter[str] = Counter()
    inside: dict[str, Counter[Place]] = defaultdict(Counter)
    for place, count in counts.items():
        by_country[place.country] += count
        inside[place.country][place] += count
    if not by_country:
        return Found([])
    least = by_country.most_common(1)[0][1] * _SHARE
    countries = [code for code, count in by_country.most_common(_MOST) if count >= least]
    chosen: list[Place] = []
    for code in countries:
        narrower = [place for place, _ in inside[code].most_common() if place.level != "country"]
        chosen += narrower[: _MOST if code == countries[0] else 1] or [known.countries[code]]
    names = dict.fromkeys(name for place in chosen for name in display(place, known))
    return Found(list(names), chosen[0].latitude, chosen[0].longitude)


class _Reader:
    """Looks for names in one run of words."""

    def __init__(self, text: str, words: Sequence[Word], known: Gazetteer, *, weight: int = 1) -> None:
        self.text, self.words, self.known, self.weight = text, words, known, weight
        self.keys = [plain(word.text) for word in self.words]
        capitals = sum(word.is_capitalised for word in self.words)
        # A headline or a bulletin: capitals say nothing there.
        self.capitals_tell = capitals <= 0.6 * len(self.words)
        self.is_shouted = text.isupper()
        self.mentions = list(self._mentions())

    def countries(self) -> Iterator[_Mention]:
        """Yield where countries, states and regions stand that can be nothing else."""
        for mention in self.mentions:
            place = mention.candidates[0]
            if place.level != "city" and not self._is_doubtful(mention) and not self._is_of_a_name(mention, place):
                yield mention

    def others(self) -> Iterator[_Mention]:
        taken = {mention.first for mention in self.countries()}
        yield from (mention for mention in self.mentions if mention.first not in taken)

    def choose(self, mention: _Mention, context: set[str]) -> Place | None:
        """Return the place that is meant, or None where that cannot be told."""
        named = self._named_after(mention)
        if named:
            fitting = [place for place in mention.candidates if place.country == named.country]
            if named.level == "region" and named.state:
                fitting = [place for place in fitting if place.state == named.state]
            return max(fitting, key=_population, default=None)
        if self._is_doubtful(mention) or (self.is_shouted and not context):
            return None
        near = [place for place in mention.candidates if place.country in context]
        best = max(near or mention.candidates, key=_population)
        if self._is_of_a_name(mention, best):
            return None
        if near or best.population >= _KNOWN_BY_ALL:
            return best
        before = self.keys[mention.first - 1] if mention.first else ""
        in_hashtag = self.words[mention.first].in_hashtag
        placed = before in _OF_PLACE or in_hashtag
        return best if placed and best.population >= _KNOWN_BY_MANY and _is_the_one(best, mention) else None

    def _mentions(self) -> Iterator[_Mention]:
        at = 0
        while at < len(self.words):
            for length in range(self.known.longest.get(self.keys[at], 0), 0, -1):
                key = tuple(self.keys[at : at + length])
                if len(key) == length and key in self.known.places and self._is_written_as_a_name(at, length, key):
                    candidates = sorted(self.known.places[key], key=_level)
                    yield _Mention(at, at + length - 1, candidates, self.weight)
                    at += length - 1
                    break
            at += 1

    def _is_written_as_a_name(self, at: int, length: int, key: Key) -> bool:
        words = self.words[at : at + length]
        if len("".join(key)) < 3:
            return words[0].text in {"UK"} and not words[0].in_hashtag
        if length == 1 and words[0].text.isupper() and len(words[0].text) <= 4:
            return self.known.places[key][0].level != "city" or words[0].text == "NYC"
        if words[0].in_hashtag and words[0].text.islower():
            return len(key[0]) >= 5
        return words[0].is_capitalised and words[-1].is_capitalised and self._is_one_run(at, length)

    def _is_one_run(self, at: int, length: int) -> bool:
        """Say whether nothing but spaces, dots and hyphens stands between the words."""
        words = self.words[at : at + length]
        gaps = [self.text[one.end : other.start] for one, other in itertools.pairwise(words)]
        return all(not gap.strip(" .-'’\n") and len(gap) <= 2 for gap in gaps)

    def _is_doubtful(self, mention: _Mention) -> bool:
        if mention.first != mention.last:
            return False
        key = self.keys[mention.first]
        if key in self.known.doubtful_countries:
            # Jordan and Turkey are countries where somebody is in them.
            return not self.words[mention.first].in_hashtag and (
                not mention.first or self.keys[mention.first - 1] not in _OF_PLACE
            )
        return key in self.known.doubtful

    def _is_of_a_name(self, mention: _Mention, place: Place) -> bool:
        """Say whether the name is a part of a longer one: Hillary Clinton, Boston Consulting, Lake Charles."""
        if not self.capitals_tell or self.words[mention.first].in_hashtag:
            return False
        beside = [
            (mention.first - 1, self._gap(mention.first - 1)),
            (mention.last + 1, self._gap(mention.last)),
        ]
        for at, gap in beside:
            if not 0 <= at < len(self.words) or gap not in (" ", "-"):
                continue
            word = self.words[at]
            starts_sentence = at < mention.first and (at == 0 or "." in self._gap(at - 1) or ":" in self._gap(at - 1))
            if word.is_capitalised and not word.in_hashtag and not starts_sentence and self.keys[at] not in _OF_NAMES:
                return place.level == "city" or at < mention.first
        return False

    def _gap(self, at: int) -> str:
        """Return what stands between word `at` and the next."""
        if not 0 <= at < len(self.words) - 1:
            return ""
        return self.text[self.words[at].end : self.words[at + 1].start]

    def _named_after(self, mention: _Mention) -> Place | None:
        """Return the country or state right after a name: "Boston, MA", "Bo, Sierra Leone"."""
        if self._gap(mention.last).strip() not in ("", ",", "(") or mention.last + 1 >= len(self.words):
            return None
        code = self.words[mention.last + 1].text
        if code in self.known.states and not self.is_shouted:
            return self.known.states[code]
        if not self._gap(mention.last).strip():
            return None
        after = next((each for each in self.mentions if each.first == mention.last + 1), None)
        return after.candidates[0] if after and after.candidates[0].level != "city" else None


def _is_the_one(place: Place, mention: _Mention) -> bool:
    """Say whether no other place of the name comes near it in size."""
    others = [other.population for other in mention.candidates if other != place]
    return place.population >= 3 * max(others, default=0)


def _population(place: Place) -> int:
    return place.population


def _level(place: Place) -> int:
    return ("country", "region", "city").index(place.level)
