"""The language of a text, and of a field that names one."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from django.conf.locale import LANG_INFO

from apps.corpora.metadata.words import words_of

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_SAMPLE = 2_000  # characters are plenty
_FEWEST = 5  # words: fewer say too little
_SURE = 0.85
# Those that reports and posts come in: with all that the model knows, dialects take from the languages beside them.
_TOLD_APART = (
    "am ar az bg bn bs ca cs da de el en es et fa fi fr ha he hi hr ht hu hy id ig it ja ka kk km ko ku ky lo lt lv mg mk "
    "ml mn mr ms my ne nl no or pa pl ps pt ro ru rw si sk sl so sq sr sv sw ta te tg th tl tr uk ur uz vi xh yo zh zu"
).split()
_CODE = re.compile(r"([a-z]{2})(?:[-_][a-z0-9]+)*")
_NAMES = {
    "english": "en", "french": "fr", "français": "fr", "spanish": "es", "español": "es", "portuguese": "pt", "arabic": "ar",
    "russian": "ru", "chinese": "zh", "german": "de", "italian": "it", "indonesian": "id", "tagalog": "tl", "haitian": "ht",
    "haitian creole": "ht", "swahili": "sw", "japanese": "ja", "hindi": "hi", "urdu": "ur", "turkish": "tr", "dutch": "nl",
}  # fmt: skip
_ISO_3 = {"eng": "en", "fra": "fr", "fre": "fr", "spa": "es", "por": "pt", "ara": "ar", "rus": "ru", "zho": "zh"}


def from_field(value: str) -> str:
    """Return the two letters of a language that a field names ("en-US", "English", "eng"), or ""."""
    value = value.strip().lower()
    code = _CODE.fullmatch(value)
    if code and code[1] != "un":  # a tweet's "und": undetermined
        return code[1]
    return _NAMES.get(value) or _ISO_3.get(value, "")


def name_of(code: str) -> str:
    """Return "French" for "fr", or the code where its name is not known here."""
    return str(LANG_INFO.get(code, {}).get("name", code))


def find(text: str) -> str:
    """Return the language that a text is surely in, or ""."""
    words = [word.text for word in words_of(text[:_SAMPLE]) if not word.in_hashtag and word.text != "RT"]
    if len(words) < _FEWEST:
        return ""
    sample = " ".join(words)
    if sample.isupper():  # a bulletin: the model knows small letters
        sample = sample.lower()
    language, probability = _identifier().classify(sample)
    return str(language) if probability >= _SURE else ""


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([code for code in _TOLD_APART if code in identifier.labels])
    return identifier
