"""How list items begin, in every format that has only their characters to tell."""

import re

# Bullets of Symbol and Wingdings come as private characters, or as control codes where a font has no names.
_GLYPH = r"[•●◦▪■□➢►▶✓✔➔→·‣⁃∙❖♦◆○❑❒\ue000-\uf8ff\x01-\x08]"
_NUMBER = r"\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]"

BULLET = re.compile(rf"\s*(?:(?P<glyph>{_GLYPH})\s*|(?P<dash>[o*§‒–—-])\s+|{_NUMBER}\s+)(?=\S)")


def with_plain_bullet(text: str) -> str:
    """Return an item with its glyph or dash as "• "; a number stays as it is."""
    found = BULLET.match(text)
    return f"• {text[found.end() :]}" if found and (found["glyph"] or found["dash"]) else text
