"""What a document is called and when it was written, where its file does not say so plainly."""

import re
from dataclasses import replace
from pathlib import PurePath

from apps.corpora.cleaning import clean_line, shorten
from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.dates import find_date
from apps.corpora.extraction.records import ExtractedDocument, Heading, Source

_HEAD = 1_000  # characters: a date further down is a date of something else
_SENTENCE = 90
_LONGEST_TITLE = 500
_MEANINGLESS = re.compile(
    r"^(?:microsoft (?:word|powerpoint|excel) - .*|untitled.*|document\s?\d*|powerpoint[- ]pr[eé]sentation|presentation\d*"
    r"|slide \d+|template\b.*|book\d*|sheet\d*|.*\.(?:docx?|pptx?|xlsx?|pdf|indd|qxd|rtf|txt|html?|wpd|odt|ai)|[\W\d_]*)$",
    re.IGNORECASE,
)
_NOBODY = re.compile(r"anonymous|unknown|unspecified|admin(?:istrator)?|author|owner|(?:.* )?user", re.IGNORECASE)


def described(document: ExtractedDocument, source: Source) -> ExtractedDocument:
    """Return `document` with a title, and with the date in its head where it has no other."""
    title = sensible_title(document.title) or _first_heading(document) or title_from_name(source.name)
    document = replace(document, title=title)
    if document.published_at:
        return document
    found = find_date(document.text[:_HEAD])
    where = "head of text"
    if not found:
        found, where = find_date(PurePath(source.name).stem.replace("_", " ")), "file name"
    if not found:
        return document
    return replace(document, published_at=found, metadata={**document.metadata, "published_at_from": where})


def composed(composer: Composer, source: Source, *, author: str = "", **fields: object) -> ExtractedDocument:
    """Return what `composer` holds as a document, described; an author that a program made up is none."""
    document = ExtractedDocument(
        text=composer.text,
        headings=tuple(composer.headings),
        page_starts=composer.page_starts,
        author="" if _NOBODY.fullmatch(author.strip()) else author,
        **{"title": "", **fields},  # type: ignore[arg-type]
    )
    return described(document, source)


def sensible_title(title: str | None) -> str:
    """Return the title that a file's properties give, or "" where a program made it up."""
    title = shorten(clean_line(title or ""), _LONGEST_TITLE)
    return "" if len(title) < 4 or _MEANINGLESS.match(title) else re.sub(r"_+", " ", title)


def title_from_name(name: str) -> str:
    """Make a file's name readable: "2014-09_EBOLA-update.pdf" → "2014-09 EBOLA update"."""
    stem = clean_line(PurePath(name.replace("\\", "/")).name)
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", stem)
    words = re.sub(r"(?<=[^\W\d])[-_]+|[-_]+(?=[^\W\d])|_+", " ", stem)
    return " ".join(words.split()) or stem or "Untitled"


def title_from_text(text: str) -> str:
    """Return the first line of a record without a title, as long as a title may be."""
    return shorten(text.strip().partition("\n")[0].strip(), _SENTENCE)


def _first_heading(document: ExtractedDocument) -> str:
    """Return the first heading in the head of the text, the highest where several stand there.

    Below the third level headings name parts (and in a PDF they are merely bold): the file's name says more.
    """
    near = [heading for heading in document.headings if heading.start < _HEAD and heading.level <= 3]
    if not near:
        return ""
    top = min(near, key=lambda heading: (heading.level, heading.start))
    return document.text[top.start :].partition("\n")[0]


def under_title(title: str, text: str) -> tuple[str, tuple[Heading, ...]]:
    """Put the title before the text, as its heading: what is not in the text is not searched."""
    if not title or title in text:
        return text, ()
    return f"{title}\n\n{text}", (Heading(0, 1),)
