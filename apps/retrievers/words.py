"""How texts are read as words, and how words are weighed: one definition for the product and the evaluator.

Every word of a passage is kept, so that "out of order" can be found as it stands; the words that say nothing
are left out of queries.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from itertools import pairwise

#: BM25's dials (Robertson & Zaragoza 2009): how soon a word repeated in a passage stops helping, how much length
#: counts, and how soon a word repeated in the query stops weighing more.
K1, B, K3 = 1.2, 0.75, 16

#: Of a long premise the rarest words decide; the others cost time and change nothing.
MAX_TERMS = 40

#: The stop words of PostgreSQL's and Snowball's English.
STOP_WORDS = frozenset(
    """
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
    it its itself they them their theirs themselves what which who whom this that these those am is are was were be
    been being have has had having do does did doing a an the and but if or because as until while of at by for with
    about against between into through during before after above below to from up down in out on off over under
    again further then once here there when where why how all any both each few more most other some such no nor
    not only own same so than too very s t can will just don should now
    """.split()
)

#: What stands between words: everything of ASCII, and the dashes, quotes and dots of print, but letters and digits.
#: PostgreSQL reads it as Python does.
BETWEEN = r"[\u0001-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00BF\u2010-\u205E]+"

# A query of more words in capitals is shouted.
LONGEST_ACRONYMS = 3

_BETWEEN = re.compile(BETWEEN)


def words(text: str) -> list[str]:
    """Return the words of `text` as they stand: "COVID-19" is two, "A47" is one."""
    return _BETWEEN.sub(" ", text).split()


def without_accents(text: str) -> str:
    """Return the text as PostgreSQL's unaccent leaves it, of letters that are decomposed."""
    if text.isascii():
        return text
    return "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))


def telling_words(query: str) -> list[str]:
    """Return the words of a query that say something; "WHO" does where not everything is shouted."""
    found = words(query)
    shouted = len(found) > LONGEST_ACRONYMS and all(word.isupper() for word in found if word.isalpha())
    return [word for word in found if word.lower() not in STOP_WORDS or (_is_acronym(word) and not shouted)]


def _is_acronym(word: str) -> bool:
    return len(word) > 1 and word.isupper()


_LETTERS = re.compile(r"[^\W\d_]{1,5}")
_CODE = re.compile(r"([^\W\d_]{1,5})(\d+)")


def codes_in_two(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return what may be written in one as well: "UN 1005" is also "UN1005"."""
    return [(a, b) for a, b in pairwise(words) if _LETTERS.fullmatch(a) and b.isdecimal()]


def parts_of_codes(words: Collection[str]) -> list[str]:
    """Return what a code may be written as that no passage holds in one: "UN1005" is also "UN 1005"."""
    codes = filter(None, map(_CODE.fullmatch, words))
    return [part for code in codes for part in telling_words(" ".join(code.groups()))]


def of_repeated(times: int) -> float:
    """Return how much more a word weighs that a query says so many times."""
    return times * (K3 + 1) / (times + K3)
