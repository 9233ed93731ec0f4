"""HTML: the article without its menus where there is one, else everything that is not furniture."""

import re
from collections.abc import Iterator
from typing import Any

from apps.corpora.extraction.charsets import charset_of, decode
from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.dates import parse_date
from apps.corpora.extraction.describing import composed
from apps.corpora.extraction.records import ExtractedDocument, ExtractionFailed, Source

_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?\s*([\w-]+)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_FURNITURE = {"script", "style", "noscript", "template", "nav", "svg", "form", "iframe", "button", "head", "aside"}
_BLOCKS = {
    "p", "div", "section", "article", "main", "header", "footer", "ul", "ol", "dl", "table", "blockquote", "pre",
    "figure", "figcaption", "address", "fieldset", "center", "body", "hr", "li", "dt", "dd", "tr", "td", "th", "details", "summary",
}  # fmt: skip
_LAYOUT = ("table", "ul", "ol", "h1", "h2", "h3")  # in a cell
_HEADING = re.compile(r"h[1-6]$")
_DEEPEST = 400


def read(source: Source) -> Iterator[ExtractedDocument]:
    data = source.path.read_bytes()
    markup = _decoded(data)
    composer = Composer(source.limits)
    add_markup(composer, markup)
    if not composer.text:
        raise ExtractionFailed("This web page holds no text. Pages that build themselves in the browser: save as PDF.")
    facts = _facts(markup)
    published_at = parse_date(facts.get("date"))
    metadata = {name: facts[name] for name in ("url", "sitename", "description") if facts.get(name)}
    if published_at:
        metadata["published_at_from"] = "page metadata"
    yield composed(
        composer,
        source,
        title=facts.get("title") or "",
        author=facts.get("author") or "",
        language=facts.get("language") or "",
        published_at=published_at,
        metadata=metadata,
    )


def add_markup(composer: Composer, markup: str) -> None:
    """Add the words of an HTML text: of its main part where one is found, else of the whole body."""
    import lxml.html
    from lxml.etree import ParserError

    markup = _CONTROLS.sub("", markup)  # at a NUL the parser would take the page to end
    try:
        tree = lxml.html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", markup), parser=_parser())
    except (ParserError, ValueError):
        return
    body = tree.find("body") if tree.find("body") is not None else tree
    main = _main_part(markup)
    found, whole = sum(map(len, main)), sum(len(_squeezed(text)) for text in _texts(body))
    draft = Composer(composer.limits)
    _Walk(draft, main).element(body, depth=0)
    # Reports made of tables and lists look like menus to the finder of articles, and blocks in cells are not
    # found again in its lines: then take everything.
    is_article = 2 * found >= whole and len(_squeezed(draft.text)) >= 0.8 * found
    _Walk(composer, main if is_article else None).element(body, depth=0)


def _decoded(data: bytes) -> str:
    said = _CHARSET.search(data[:4096])
    if said and charset_of(data[: 1 << 20]) not in {"utf-8", "utf-8-sig", "utf-16", "utf-32"}:
        try:
            return data.decode(said[1].decode("ascii"), "western")
        except LookupError:
            return decode(data)
    return decode(data)


def _parser() -> Any:
    import lxml.html

    return lxml.html.HTMLParser(no_network=True, huge_tree=False)


def _main_part(markup: str) -> set[str]:
    """Return the lines of the page's article without their spaces, for its blocks to be looked up in.

    trafilatura knows what is an article and what is around it, but loses many headings: those come from
    the page itself.
    """
    import trafilatura

    text = trafilatura.extract(
        markup, include_comments=False, include_tables=True, favor_recall=True, deduplicate=False
    )
    lines = (text or "").replace("|", "\n").split("\n")
    return {squeezed for line in lines if (squeezed := _squeezed(line))}


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def _facts(markup: str) -> dict[str, Any]:
    import trafilatura

    document = trafilatura.extract_metadata(
        markup, date_config={"original_date": True, "extensive_search": False, "max_date": "2100-01-01"}
    )
    facts: dict[str, Any] = document.as_dict()
    said = re.search(r"<html[^>]*\slang=[\"']?([A-Za-z]{2})", markup[:4096])
    return {**facts, "language": said[1].lower() if said else ""}


def _texts(element: Any) -> Iterator[str]:
    """Yield the texts under an element, less those of its furniture."""
    if element.tag in _FURNITURE or not isinstance(element.tag, str):
        return
    stack = [iter(element)]
    yield element.text or ""
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            continue
        yield child.tail or ""
        if isinstance(child.tag, str) and child.tag not in _FURNITURE:
            yield child.text or ""
            stack.append(iter(child))


class _Walk:
    """One pass over a tree: inline words gather until a block ends them; headings wait for a block to stand over."""

    def __init__(self, composer: Composer, main: set[str] | None) -> None:
        self._composer = composer
        self._main = main
        self._words: list[str] = []
        self._headings: list[tuple[str, int]] = []

    def element(self, element: Any, *, depth: int) -> None:
        tag = element.tag
        if not isinstance(tag, str) or tag in _FURNITURE or depth > _DEEPEST:
            return
        if _HEADING.match(tag):
            self._end()
            level = int(tag[1])
            self._headings = [waiting for waiting in self._headings if waiting[1] < level]
            self._headings.append(("".join(_texts(element)), level))
        elif tag == "tr" and not _is_layout(element):
            self._end()
            cells = [" ".join(_texts(cell)) for cell in element if cell.tag in {"td", "th"}]
            if self._wants("\n".join(cells)):
                self._composer.row(cells)
        elif tag == "br":
            self._words.append("\n")
        else:
            self._children(element, depth)

    def _children(self, element: Any, depth: int) -> None:
        is_block = element.tag in _BLOCKS
        if is_block:
            self._end()
        self._words.append(_inline(element))
        for child in element:
            self.element(child, depth=depth + 1)
            self._words.append(_inline(child, tail=True))
        if is_block:
            self._end(item=element.tag in {"li", "dd"})
        if element.tag in {"ul", "ol", "table"}:
            self._composer.break_lines()

    def _end(self, *, item: bool = False) -> None:
        text = "".join(self._words).strip()
        self._words = []
        if not self._wants(text):
            return
        if item:
            self._composer.line(f"- {text}")
        else:
            self._composer.paragraph(text)

    def _wants(self, text: str) -> bool:
        """Say whether the block belongs to the main part; if so, put the headings over it first."""
        pieces = [squeezed for line in text.split("\n") if (squeezed := _squeezed(line))]
        if not pieces or (self._main is not None and not any(piece in self._main for piece in pieces)):
            return False
        for title, level in self._headings:
            self._composer.heading(title, level)
        self._headings = []
        return True


def _is_layout(row: Any) -> bool:
    """Say whether a row only puts blocks in their places, as newsletters do."""
    cells = [cell for cell in row if cell.tag in {"td", "th"}]
    return len(cells) == 1 or any(
        len(cell.findall(".//p")) > 2 or any(cell.find(f".//{tag}") is not None for tag in _LAYOUT) for cell in cells
    )


def _inline(element: Any, *, tail: bool = False) -> str:
    text = (element.tail if tail else element.text) or ""
    is_code = not tail and element.tag == "pre"
    return text if is_code else re.sub(r"\s+", " ", text)
