"""HTML: the article without its menus where there is one, else everything that is not furniture."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from apps.corpora.cleaning import clean_line
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
_META = {
    "title": ("og:title", "dc.title", "dcterms.title"),
    "author": ("author", "article:author", "dc.creator", "dcterms.creator"),
    "date": (
        "article:published_time", "datepublished", "dc.date", "dc.date.issued", "dcterms.issued", "dcterms.created",
        "pubdate", "publishdate", "date", "article:modified_time",
    ),
    "url": ("og:url",),
    "site": ("og:site_name",),
    "description": ("description", "og:description"),
}  # fmt: skip
_PUBLISHED = re.compile(r"\"datePublished\"\s*:\s*\"([^\"]+)\"")
_HEADING = re.compile(r"h[1-6]$")
_DEEPEST = 400


def read(source: Source) -> Iterator[ExtractedDocument]:
    tree = _parsed(_decoded(source.path.read_bytes()))
    composer = Composer(source.limits)
    if tree is not None:
        _add_tree(composer, tree)
    if tree is None or not composer.text:
        raise ExtractionFailed("This web page holds no text. Pages that build themselves in the browser: save as PDF.")
    facts = _page_facts(tree)
    published_at = parse_date(facts.get("date"))
    metadata = {name: facts[name] for name in ("url", "site", "description") if facts.get(name)}
    if published_at:
        metadata["published_at_from"] = "page metadata"
    yield composed(
        composer,
        source,
        title=facts.get("title", ""),
        author=facts.get("author", ""),
        language=tree.get("lang", "").lower(),
        published_at=published_at,
        metadata=metadata,
    )


def add_markup(composer: Composer, markup: str) -> None:
    """Add the words of an HTML text: of its main part where one is found, else of the whole body."""
    tree = _parsed(markup)
    if tree is not None:
        _add_tree(composer, tree)


def _parsed(markup: str) -> Any:
    import lxml.html
    from lxml.etree import ParserError

    parser = lxml.html.HTMLParser(no_network=True, huge_tree=False)
    markup = _CONTROLS.sub("", markup)  # at a NUL the parser would take the page to end
    try:
        return lxml.html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", markup), parser=parser)
    except (ParserError, ValueError):
        return None


def _add_tree(composer: Composer, tree: Any) -> None:
    body = tree.find("body") if tree.find("body") is not None else tree
    main = _main_part(tree)
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


def _page_facts(tree: Any) -> dict[str, str]:
    """Return what a page says of itself in its head; nothing is guessed from its words."""
    said: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").lower()
        said.setdefault(name, meta.get("content") or "")
    facts = {fact: next((said[name] for name in names if said.get(name)), "") for fact, names in _META.items()}
    title, top = (
        clean_line(tree.findtext(".//title") or ""),
        [clean_line("".join(_texts(h1))) for h1 in tree.iter("h1")],
    )
    # The heading without the site's name around it.
    facts["title"] = min(
        (each for each in top if each and each in title), key=title.index, default=facts["title"] or title
    )
    linked_data = _PUBLISHED.search("".join(script.text or "" for script in tree.iter("script")))
    facts["date"] = facts["date"] or (linked_data[1] if linked_data else "")
    canonical = tree.find(".//link[@rel='canonical']")
    facts["url"] = facts["url"] or (canonical.get("href", "") if canonical is not None else "")
    return facts


def _main_part(tree: Any) -> set[str]:
    """Return the lines of the page's article without their spaces, for its blocks to be looked up in.

    trafilatura knows what is an article and what is around it, but loses many headings: those come from
    the page itself.
    """
    import trafilatura

    text = trafilatura.extract(
        deepcopy(tree), include_comments=False, include_tables=True, favor_recall=True, deduplicate=False
    )
    lines = (text or "").replace("|", "\n").split("\n")
    return {squeezed for line in lines if (squeezed := _squeezed(line))}


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def _texts(element: Any) -> Iterator[str]:
    """Yield the texts under an element in order, less those of its furniture."""
    stack: list[Any] = [element]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item.tag, str) and item.tag not in _FURNITURE:
            yield item.text or ""
            for child in reversed(item):
                stack += [child.tail or "", child]


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
        elif tag == "pre":
            self._end()
            self._words = ["".join(_texts(element))]
            self._end()
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
    return re.sub(r"\s+", " ", (element.tail if tail else element.text) or "")
