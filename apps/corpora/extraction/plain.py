"""Plain text: wrapped lines joined, lists and tables kept as lines, headings where they are underlined."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from apps.corpora.cleaning import clean_line
from apps.corpora.extraction import bulletins
from apps.corpora.extraction.charsets import decode
from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.describing import composed
from apps.corpora.extraction.lists import BULLET
from apps.corpora.extraction.records import ExtractedDocument, ExtractionFailed, Source

_UNDERLINE = re.compile(r"\s*([-=~*_])\1{3,}\s*$")
_BLANK = re.compile(r"\n[ \t]*\n")
_COLUMNS = re.compile(r"\S(?: {3,}|\t)\S")
_SHORT = 0.85  # of the width: where a line ends before this, its writer meant it to
_NARROWEST, _WIDEST = 40, 120


def read(source: Source) -> Iterator[ExtractedDocument]:
    text = decode(source.path.read_bytes())
    bulletin = bulletins.recognise(text)
    if bulletin:
        document = compose(bulletin.body, source, title=bulletin.title, headings=bulletins.HEADING)
        metadata = {**document.metadata, **bulletin.metadata}
        yield replace(document, published_at=bulletin.issued_at or document.published_at, metadata=metadata)
    else:
        yield compose(text, source)


def compose(
    text: str, source: Source, *, title: str = "", headings: re.Pattern[str] | None = None
) -> ExtractedDocument:
    composer = Composer(source.limits)
    add_text(composer, text, headings=headings)
    if not composer.text:
        raise ExtractionFailed("This file holds no text, only white space.")
    return composed(composer, source, title=title)


def add_text(composer: Composer, text: str, *, headings: re.Pattern[str] | None = None) -> None:
    """Add running text: `headings` tells the lines that are headings beside the underlined ones."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n\n").expandtabs(8)
    width = _wrapped_at(text)
    for block in _BLANK.split(text):
        lines = [line.rstrip() for line in block.split("\n") if line.strip()]
        for part in _without_headings(composer, lines, headings):
            _add_block(composer, part, width)


def _wrapped_at(text: str) -> int:
    """Return the width at which the lines were wrapped, 0 where they were not."""
    lengths = sorted(len(line.rstrip()) for line in text.split("\n") if line.strip())
    if len(lengths) < 3:
        return 0
    width = lengths[min(len(lengths) - 1, math.ceil(0.95 * len(lengths)))]
    # Unwrapped text has paragraphs for lines; a few long lines (addresses) do not make a text unwrapped.
    return width if _NARROWEST <= width <= _WIDEST else 0


def _without_headings(composer: Composer, lines: list[str], headings: re.Pattern[str] | None) -> Iterator[list[str]]:
    """Add the headings among `lines` to the composer; yield the runs of lines between them."""
    run: list[str] = []
    for line in lines:
        underlined = _UNDERLINE.match(line)
        if underlined and run and len(run[-1].strip()) <= _WIDEST:
            title = run.pop()
            yield run
            composer.heading(title, 1 if underlined[1] == "=" else 2)
            run = []
        elif headings and (match := headings.match(line)):
            yield run
            composer.heading(match["title"], 2)
            run = [match["rest"]] if match["rest"].strip() else []
        elif not underlined:
            run.append(line)
    yield run


def _add_block(composer: Composer, lines: list[str], width: int) -> None:
    """Add lines that stand together: a table as it is, a list by items, the rest as one paragraph."""
    if sum(bool(_COLUMNS.search(line)) for line in lines) * 2 > len(lines):
        composer.break_lines()
        for line in lines:
            composer.line(line)
        return
    joined = list(_joined(lines, width))
    composer.break_lines()
    for line in joined:
        composer.line(line) if len(joined) > 1 else composer.paragraph(clean_line(line))


def _joined(lines: list[str], width: int) -> Iterator[str]:
    parts: list[str] = []
    for line in lines:
        if parts and not _continues(parts[-1], line, width):
            yield " ".join(parts)
            parts = []
        parts.append(line)
    if parts:
        yield " ".join(parts)


def _continues(above: str, line: str, width: int) -> bool:
    """Say whether `line` goes on where `above` was wrapped."""
    if not width or BULLET.match(line):
        return False
    first_word = line.split(maxsplit=1)[0]
    # Where its first word had found room, the line was ended on purpose (if its sentence allows).
    return first_word[0].islower() or len(above) + 1 + len(first_word) > _SHORT * width
