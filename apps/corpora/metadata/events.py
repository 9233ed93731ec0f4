"""What a text calls the event it tells of: a named storm, a named fire, a hazard with its place and year. Pure."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from apps.corpora.metadata import hazards
from apps.corpora.metadata.places import Found
from apps.corpora.metadata.subject import Subject
from apps.corpora.metadata.words import Word, singular

_HEAD = 3_000  # characters: an event that is named further down is another one, for comparison
_STORMS = {
    "hurricane": "Hurricane", "huracán": "Hurricane", "ouragan": "Hurricane", "typhoon": "Typhoon", "bagyo": "Typhoon",
    "cyclone": "Cyclone", "storm": "Storm",
}  # fmt: skip
_HAZARDS = {
    "Hurricane": "tropical-cyclone",
    "Typhoon": "tropical-cyclone",
    "Cyclone": "tropical-cyclone",
    "Storm": "storm",
}
# What follows "Hurricane" or "Storm" with a capital and is no name.
_NO_NAMES = frozenset(
    "warning watch center centre relief season surge victims victim damage force force-winds update updates hits hit kills kill leaves heads "
    "slams makes nears batters threatens moves moving strengthens weakens lashes death toll in at on is was has and or for from the of "
    "preparedness response response-plan evacuation evacuations shelter shelters recovery katrina's winds wind warnings watches advisory "
    "advisories emergency disaster fund appeal news photos video live track tracker tracking path category prediction data report reports "
    "reporter total totals team teams drain drains water waters sewer tide tides spotter spotters system systems chaser chasers door doors cellar "
    "shutters lantern lamp aid help efforts readiness safety tips local statement hunter hunters island alley park house survivors devastation aftermath "
    "summary prevention events event conditions clouds cloud rain rains flood floods landfall approaches strikes sweeps rips blows causes brings likely expected to will may".split()
)
_NO_FIRES = frozenset(
    "house structure building forest brush bush grass wild the a an this that breaking apartment nightclub factory home garage kitchen vehicle car of "
    "under cease open camp-site colorado california australia nsw texas brazil rt news new local prescribed controlled electrical chemical deadly "
    "volunteer rural city county state national fort department and in on no massive huge update large wildland residential fatal".split()
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_FIRE = frozenset({"fire", "fires"})
_OUTBREAKS = "Bio"
_NEVER = "(?!)"
# "#abflood", "#nswfires": a hashtag of its own for one event.
_MADE_FOR_IT = re.compile(
    r"#([a-z]{2,20}(?:flood|floods|quake|earthquake|fire|fires|wildfire|haze|outbreak|typhoon)\d{0,4})\b", re.I
)


def find(subject: Subject, *, kinds: Sequence[str], places: Found) -> str:
    """Return the event's name, or "" where the text gives none; `kinds` are the hazards found."""
    text = subject.text[:_HEAD]
    near = [word for word in subject.words if word.start < _HEAD]
    for names in (_storms(subject.title_words), _storms(near), _fires(text, near)):
        if counts := Counter(names):
            return counts.most_common(1)[0][0]
    # A tweet is written while it happens: its year is the event's.
    year = subject.published_at.year if subject.kind == "tweet" and subject.published_at else 0
    named = _with_place(f"{subject.own_title}\n{text}", kinds, places, year=year) or _outbreak(subject, kinds, places)
    if named:
        return named
    made = [match[1].lower() for match in _MADE_FOR_IT.finditer(text)]
    return next((f"#{tag}" for tag in made if not _is_term(tag)), "")


def hazard_of(event: str) -> str:
    """Return the hazard that an event's name tells: "Typhoon Haiyan", "High Park Fire", "#nswfires"."""
    if event.lower().rstrip("s").endswith("fire"):
        return "wildfire"
    if event.rstrip("0123456789").endswith("haze"):
        return "air-pollution"
    return _HAZARDS.get(event.partition(" ")[0], "")


def _storms(words: Sequence[Word]) -> Iterator[str]:
    for word, name in itertools.pairwise(words):
        kind = _STORMS.get(word.text.lower())
        is_name = name.text[0].isupper() and name.text.isalpha() and name.text.lower() not in _NO_NAMES
        adjoins = name.start - word.end <= 1 + name.in_hashtag and word.is_capitalised
        if kind and adjoins and is_name and len(name.text) > 2 and not _is_term(name.text):
            yield f"{kind} {name.text.capitalize()}"


def _is_term(word: str) -> bool:
    return bool(hazards.find([Word(word, 0, len(word))])) or singular(word) in _STORMS


def _fires(text: str, words: Sequence[Word]) -> Iterator[str]:
    """Yield fires called by two names, as they are after where they began: High Park Fire."""
    if sum(word.is_capitalised for word in words) > 0.6 * len(words):  # a headline: all its words are capitalised
        words = [word for word in words if word.in_hashtag]
    for at, word in enumerate(words):
        names = 1 if word.in_hashtag and at and words[at - 1].end == word.start else 2
        if word.text.lower() not in _FIRE or not word.is_capitalised or at < names:
            continue
        before = words[_start_of_tag(words, at) if word.in_hashtag else at - names : at]
        spans = zip((*before, word), (*before, word)[1:], strict=False)
        adjoin = all(text[one.end : other.start] in ("", " ") for one, other in spans)
        fits = all(
            name.is_capitalised and name.text.isalpha() and name.text.lower() not in _NO_FIRES for name in before
        )
        if adjoin and fits:
            yield " ".join([*(name.text for name in before), "Fire"])


def _start_of_tag(words: Sequence[Word], at: int) -> int:
    """Return which word the hashtag of word `at` begins with."""
    while at and words[at - 1].in_hashtag and words[at - 1].end == words[at].start:
        at -= 1
    return at


def _with_place(text: str, kinds: Sequence[str], places: Found, *, year: int) -> str:
    """Return "Earthquake, Haiti 2010" for "2010 Haiti earthquake", "Haiti earthquake of 2010" and the like."""
    for kind in kinds[:2]:
        for name in places.names[:4]:
            place = name.partition(",")[0]
            said = rf"(?:((?:19|20)\d\d) )?{re.escape(place)}[\s#-]{{0,2}}{_pattern(kind)}(?:\W{{1,3}}(?:of |in )?((?:19|20)\d\d))?"
            match = re.search(said, text, re.IGNORECASE)
            when = int(match[1] or match[2] or year) if match else 0
            if when:
                return f"{hazards.TYPES[kind].label}, {place} {when}"
    return ""


@cache
def _pattern(kind: str) -> str:
    """Return what finds the hazard's terms: of one word, else of several ("oil spills", "oil-spill", "OilSpill").

    Measured: with the longer ones beside one-word terms ("Spain train disaster") three in thirty events were wrong.
    """
    terms = hazards.terms_of(kind)
    chosen = [words for words in terms if len(words) == 1] or terms
    patterns = [r"(?:s|es)?\W{0,2}".join(map(re.escape, words)) for words in chosen]
    return rf"(?:{'|'.join(sorted(patterns, key=len, reverse=True)) or _NEVER})(?:s|es)?\b"


def _outbreak(subject: Subject, kinds: Sequence[str], places: Found) -> str:
    """Return "Ebola virus disease, Liberia 2014" where a title names disease and country and a year is known."""
    if not kinds or hazards.TYPES[kinds[0]].group != _OUTBREAKS or not places.names:
        return ""
    country = places.names[0].rpartition(", ")[2]
    title, published_at = subject.own_title, subject.published_at
    year = _YEAR.search(title)
    when = year[0] if year else str(published_at.year) if published_at else ""
    named = country.lower() in title.lower() and re.search(_pattern(kinds[0]), title, re.IGNORECASE)
    return f"{hazards.TYPES[kinds[0]].label}, {country} {when}" if named and when else ""
