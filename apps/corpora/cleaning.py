"""Strings as they are stored: characters repaired, controls dropped, white space tidy. Pure."""

import math
import re
import unicodedata
from typing import Any

_ENDS_OF_LINE = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x9f\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff]")
_INVISIBLE = re.compile(r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_WIDE_SPACES = re.compile(r"[\t \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_BLANK_LINES = re.compile(r"\n(?: *\n){2,}")


_MOST_ROUNDS = 5


def clean(text: str) -> str:
    """Return `text` repaired and in normal form C; single line breaks and blank lines are kept."""
    for _ in range(_MOST_ROUNDS):
        before, text = text, _cleaned_once(text)
        if text == before or text.isascii():
            break  # else characters that a control stood between may be broken ones together
    return text


def _cleaned_once(text: str) -> str:
    text = _ENDS_OF_LINE.sub("\n", text)
    if not text.isascii():
        text = _repaired(text)
    text = _WIDE_SPACES.sub(" ", _CONTROLS.sub("", text))
    text = "\n".join(line.strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip()


def clean_line(text: str) -> str:
    """Return `text` cleaned and on one line: for titles, names and cells."""
    return " ".join(clean(text).split())


def clean_values(value: Any) -> Any:
    """Return JSON-like `value` fit for PostgreSQL: no NUL and no lone surrogate in it, and no number that is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_line(str(key)): clean_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [clean_values(each) for each in value]
    return value


def shorten(text: str, length: int) -> str:
    """Return at most `length` characters of `text`, cut at a word where one is near."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    space = cut.rfind(" ", length * 2 // 3)
    return (cut[:space] if space > 0 else cut).rstrip(" ,;:-–") + "…"


def _repaired(text: str) -> str:
    from ftfy import TextFixerConfig, fix_text  # 50 ms to import: most files are ASCII

    # Quotes, full-width forms and entities are the writer's own; only broken characters are mended.
    config = TextFixerConfig(unescape_html=False, uncurl_quotes=False, fix_character_width=False, normalization="NFC")
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", fix_text(text, config)))
