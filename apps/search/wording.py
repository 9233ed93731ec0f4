"""What a person typed: words to search by, "words that must occur", and -words that must not. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from apps.retrievers.words import words
from apps.search.form import Form

# A text longer than this was pasted, and so was a whole sentence or a post: its quotation marks and dashes are its own.
MOST_TYPED_WORDS = 22
MOST_WORDS_BEFORE_A_STOP = 3

_QUOTED = re.compile(r'(?P<minus>(?<!\S)-)?["“”](?P<phrase>[^"“”]+)["“”]')
# Not before a digit: "-19" is a temperature.
_SENTENCE_END = re.compile(r'[.!…]["”’]*$')
_MINUS = re.compile(r"(?<!\S)-(?P<word>[^\W\d]\S*)")


@dataclass(frozen=True, slots=True)
class Wording:
    text: str  #: what to search by, quoted words included
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()


def read(query: str) -> Wording:
    """Read the quotes and minus signs of `query`; in pasted text they are but punctuation."""
    if _is_pasted(query):
        return Wording(query)
    quoted = [(bool(match["minus"]), match["phrase"].strip()) for match in _QUOTED.finditer(query)]
    rest = _QUOTED.sub(lambda match: " " if match["minus"] else f" {match['phrase']} ", query)
    unquoted = _QUOTED.sub(" ", query)
    must_not = [phrase for minus, phrase in quoted if minus] + [match["word"] for match in _MINUS.finditer(unquoted)]
    must = [phrase for minus, phrase in quoted if not minus]
    text = " ".join(_MINUS.sub(" ", rest).split()) if quoted or must_not else query
    return Wording(text, tuple(filter(words, must)), tuple(filter(words, must_not)))


def _is_pasted(query: str) -> bool:
    if len(query.split()) > MOST_TYPED_WORDS:
        return True
    said = len(_QUOTED.sub(" ", query).split()) > MOST_WORDS_BEFORE_A_STOP
    return said and bool(_SENTENCE_END.search(query) or Form.of(query).post_sign)
