"""Markdown: its marks read, not shown; headings, lists and tables kept."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from apps.corpora.cleaning import clean
from apps.corpora.extraction.charsets import decode
from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.dates import parse_date
from apps.corpora.extraction.describing import composed
from apps.corpora.extraction.records import ExtractedDocument, ExtractionFailed, Source

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([A-Za-z][\w -]{0,39}?)[ \t]*:[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.MULTILINE)
_DESCRIBED = frozenset({"title", "date", "author", "lang", "language"})  #: fields that a document has of its own
_MOST_FIELDS, _LONGEST_FIELD = 50, 500
_BOLD_LINE = re.compile(r"\*\*[^*]{2,80}\*\*:?|__[^_]{2,80}__:?")


def read(source: Source) -> Iterator[ExtractedDocument]:
    from markdown_it import MarkdownIt

    text = decode(source.path.read_bytes()).replace("\r\n", "\n")
    front = _FRONT_MATTER.match(text)
    said = {name.lower(): value for name, value in _FIELD.findall(front[1])} if front else {}
    composer = Composer(source.limits)
    # Plain CommonMark and tables; maxNesting bounds what a file of a million ">" can cost.
    parser = MarkdownIt("commonmark", {"maxNesting": 50}).enable("table")
    _Walk(composer).tokens(parser.parse(text[front.end() :] if front else text))
    if not composer.text:
        raise ExtractionFailed("This Markdown file holds no text.")
    published_at = parse_date(said.get("date"))
    yield composed(
        composer,
        source,
        title=said.get("title", ""),
        author=said.get("author", ""),
        language=said.get("language") or said.get("lang", ""),
        published_at=published_at,
        metadata={**_others(said), **({"published_at_from": "front matter"} if published_at else {})},
    )


def _others(said: dict[str, str]) -> dict[str, str]:
    """Return what a front matter says beside title, date and the like."""
    named = {name: value[:_LONGEST_FIELD] for name, value in said.items() if value and name not in _DESCRIBED}
    return dict(list(named.items())[:_MOST_FIELDS])


class _Walk:
    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._items: list[str] = []  # the mark that each open list item has yet to show
        self._cells: list[str] = []

    def tokens(self, tokens: Sequence["Token"]) -> None:
        for before, token in zip([None, *tokens], tokens, strict=False):
            if token.type == "inline":
                self._inline(token, before)
            elif token.type in {"fence", "code_block"}:
                self._composer.paragraph(token.content)
            elif token.type == "html_block":
                self._composer.paragraph(re.sub(r"<!--.*?-->|<[^>]+>", " ", token.content, flags=re.DOTALL))
            else:
                self._structure(token)

    def _structure(self, token: "Token") -> None:
        if token.type == "list_item_open":
            self._items.append(f"{token.info}. " if token.info else "- ")
        elif token.type == "list_item_close":
            self._items.pop()
        elif token.type == "tr_close":
            self._composer.row(self._cells)
            self._cells = []
        elif token.type in {"table_open", "bullet_list_open", "ordered_list_open", "table_close"} and not self._items:
            self._composer.break_lines()

    def _inline(self, token: "Token", before: Any) -> None:
        text = _plain(token)
        if before is not None and before.type == "heading_open":
            self._composer.heading(text, int(before.tag[1]))
        elif before is not None and before.type in {"td_open", "th_open"}:
            self._cells.append(text)
        elif self._items:
            self._composer.line(self._items[-1] + text if text else "")
            self._items[-1] = ""  # a second paragraph of the item has no mark of its own
        elif _BOLD_LINE.fullmatch(token.content.strip()):
            self._composer.heading(text.rstrip(":"), 4)  # how many writers make their lower headings
        else:
            self._composer.paragraph(clean(text))


def _plain(token: "Token") -> str:
    """Return the words of an inline token: images by their description, breaks as spaces."""
    parts = []
    for child in token.children or []:
        if child.type in {"text", "code_inline", "text_special"}:
            parts.append(child.content)
        elif child.type == "softbreak":
            parts.append(" ")
        elif child.type == "hardbreak":
            parts.append("\n")
        elif child.type == "image":
            parts.append(child.content)
    return "".join(parts).strip()
