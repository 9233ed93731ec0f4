"""Whether two texts say the same. Pure."""

from __future__ import annotations

from itertools import pairwise

from apps.corpora.duplicates.normalising import Normalised, shingles_of

# Words: fewer say too little to be anybody's copy.
FEWEST = 5
# In texts this short every number and every name counts.
_SHORT = 100
# Jaccard of the pairs of neighbouring words.
_SAME = 0.7
# Of long texts' numbers.
_SAME_NUMBERS = 0.7
# One text is the other with a word or two put in.
_WITHOUT_A_WORD = 0.8
# A headline and the same with its lead; a post and the same cut off.
_HELD = 0.85
_FEWEST_HELD = 6
_LABEL = 2  # words: "VIDEO:", "New post:"
_COMMENT = 3  # words: "so sad"
_SHORTEST_SHARE = 0.3


def says_the_same(one: Normalised, other: Normalised) -> bool:
    """Say whether one text is a copy of the other: passed on, quoted, cut, issued again with small changes."""
    shorter, longer = sorted((one, other), key=lambda each: len(each.words))
    if len(shorter.words) < FEWEST:
        return False
    if shorter.words == longer.words:
        return True
    alike = len(shorter.shingles & longer.shingles) >= _SAME * len(shorter.shingles | longer.shingles)
    if len(longer.words) > _SHORT:
        return alike and _share_numbers(shorter, longer)
    return not _name_others(shorter, longer) and _is_short_copy(shorter, longer, alike=alike)


def _is_short_copy(shorter: Normalised, longer: Normalised, *, alike: bool) -> bool:
    fewer, more = sorted((shorter, longer), key=lambda each: len(each.numbers))
    if not fewer.numbers <= more.numbers:
        return False
    if fewer.numbers == more.numbers or fewer.is_cut:
        checks = (_has_a_word_more, _is_a_part, _share_a_headline)
        return alike or any(check(shorter, longer) for check in checks)
    return fewer is shorter and _is_a_part(shorter, longer)


def _share_numbers(one: Normalised, other: Normalised) -> bool:
    return len(one.numbers & other.numbers) >= _SAME_NUMBERS * len(one.numbers | other.numbers)


def _name_others(one: Normalised, other: Normalised) -> bool:
    """Say whether each has a name in the place of the other's: one bulletin for two towns."""
    return bool(
        (one.names & one.vocabulary - other.vocabulary)
        and (other.names & other.vocabulary - one.vocabulary)
        and len(one.words) * 1.2 >= len(other.words)
    )


def _has_a_word_more(shorter: Normalised, longer: Normalised) -> bool:
    few, many = sorted((shorter.vocabulary, longer.vocabulary), key=len)
    return few <= many and len(few) >= max(_FEWEST_HELD, _WITHOUT_A_WORD * len(many))


def _is_a_part(shorter: Normalised, longer: Normalised) -> bool:
    """Say whether the shorter text is a whole part of the longer, from one break to another, or its beginning cut off."""
    length, whole = len(shorter.words), len(longer.words)
    is_nearly_all = whole - length <= _COMMENT and not shorter.is_cut
    if not is_nearly_all and length < max(_FEWEST_HELD, _SHORTEST_SHARE * whole):
        return False
    for start in longer.breaks | set(range(_LABEL + 1)):
        end = start + length
        if end in longer.breaks or (shorter.is_cut and end <= whole):
            held = shorter.shingles & shingles_of(longer.words[start:end])
            if len(held) >= _HELD * len(shorter.shingles):
                return True
    return False


def _share_a_headline(one: Normalised, other: Normalised) -> bool:
    """Say whether both begin with one headline, and what follows is cut off in one of them or names the source."""
    common = max(headlines(one) & headlines(other), key=len, default=())
    longest = max(len(one.words), len(other.words))
    return bool(common) and (one.is_cut or other.is_cut or longest - len(common) <= _COMMENT)


def headlines(text: Normalised, *, anywhere: bool = False) -> set[tuple[str, ...]]:
    """Return the parts between two breaks that a short text begins with, behind a label at most, or all of them."""
    if len(text.words) > _SHORT:
        return set()
    parts = {text.words[start:end] for start, end in pairwise(sorted(text.breaks)) if anywhere or start <= _LABEL}
    return {part for part in parts if len(part) >= _FEWEST_HELD}
