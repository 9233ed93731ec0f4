"""What a file is: by its bytes first, by its name only where bytes cannot tell Markdown from plain text."""

import re
import struct
from enum import StrEnum
from pathlib import Path, PurePath

from apps.corpora.extraction.charsets import decode
from apps.corpora.extraction.records import ExtractionFailed


class Format(StrEnum):
    PDF = "pdf"
    DOCX = "docx"
    PPTX = "pptx"
    XLSX = "xlsx"
    HTML = "html"
    MARKDOWN = "markdown"
    TEXT = "text"
    EMAIL = "email"
    CSV = "csv"
    JSON = "json"
    JSON_LINES = "jsonl"
    ZIP = "zip"


TABLES = frozenset({Format.CSV, Format.JSON, Format.JSON_LINES, Format.XLSX})

_HEAD = 1 << 16
_DIRECTORY = 1 << 20
_OFFICE = {b"word/document": Format.DOCX, b"ppt/presentation": Format.PPTX, b"xl/workbook": Format.XLSX}
_EMPTY_ZIP = b"PK\x05\x06"
_ZIP = (b"PK\x03\x04", b"PK\x07\x08", _EMPTY_ZIP)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# What we know and do not read, with what to do instead.
_REFUSED = {
    b"{\\rtf": "This is an RTF file. Save it as DOCX or PDF and upload that.",
    b"\xff\xd8\xff": "This is a picture (JPEG). Run OCR and upload the text or a searchable PDF.",
    b"\x89PNG": "This is a picture (PNG). Run OCR and upload the text or a searchable PDF.",
    b"GIF8": "This is a picture (GIF). Run OCR and upload the text or a searchable PDF.",
    b"II*\x00": "This is a picture (TIFF). Run OCR and upload the text or a searchable PDF.",
    b"MM\x00*": "This is a picture (TIFF). Run OCR and upload the text or a searchable PDF.",
    b"\x1f\x8b": "This is a gzip archive. Unpack it, or pack it as zip, and upload that.",
    b"7z\xbc\xaf": "This is a 7-Zip archive. Unpack it, or pack it as zip, and upload that.",
    b"Rar!": "This is a RAR archive. Unpack it, or pack it as zip, and upload that.",
    b"MZ": "This is a program, not a document.",
    b"\x7fELF": "This is a program, not a document.",
    b"SQLite format 3": "This is an SQLite database. Export its tables as CSV and upload those.",
    b"PAR1": "This is a Parquet file. Export it as CSV or JSON lines and upload that.",
}
_BY_NAME = {
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".tab": Format.CSV,
}
_MAIL_HEADER = re.compile(
    r"(?:from|to|cc|date|subject|message-id|received|return-path|mime-version|delivered-to|reply-to|content-type|x-[\w-]+):",
    re.IGNORECASE,
)
_HTML = re.compile(r"<!doctype html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_TAG = re.compile(r"<(?:p|div|h[1-6]|table|br|span|article|section)[\s/>]", re.IGNORECASE)
_ATX_HEADING = re.compile(r"^#{1,6} \S", re.MULTILINE)
_JSON_START = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])")
_BLANK_LINE = re.compile(r"\S[ \t]*\r?\n[ \t]*\r?\n")
_SENTENCE = re.compile(r"[^\t;|\",]+(?:, [^\t;|\",]+)*[.,:!?]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def format_of(path: Path, *, name: str) -> Format:
    """Say how to read the file at `path`, called `name` by its owner; raise ExtractionFailed for what we do not read."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise ExtractionFailed("This file is empty (0 bytes).")
    if b"%PDF-" in head[:1024]:
        return Format.PDF
    if head.startswith(_ZIP):
        return _kind_of_zip(path, head)
    _refuse_known(path, head)
    text = decode(head)
    if len(_CONTROLS.findall(text)) > 0.05 * len(text):
        raise ExtractionFailed(_unknown(head, name))
    return _kind_of_text(text, PurePath(name).suffix.lower())


def is_archive(path: Path, *, name: str) -> bool:
    """Say whether the file is a zip of files, not an office document (which is a zip too). Cheap: no child."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.startswith(_ZIP):
        return False
    try:
        return _kind_of_zip(path, head) is Format.ZIP
    except ExtractionFailed:
        return False


def _kind_of_zip(path: Path, head: bytes) -> Format:
    if head[30:].startswith((b"mimetypeapplication/vnd.oasis", b"mimetypeapplication/epub")):
        raise ExtractionFailed("This is an OpenDocument or EPUB file. Save it as DOCX or PDF and upload that.")
    names = _directory_of_zip(path)
    if not names and not head.startswith(_EMPTY_ZIP):
        raise ExtractionFailed(
            "This Office file or zip is damaged or cut short: its end is missing. Save or pack it anew and upload that."
        )
    if b"[Content_Types].xml" in names:
        for part, kind in _OFFICE.items():
            if part in names:
                return kind
        if b"xl/worksheets" in names:
            raise ExtractionFailed("This is a binary workbook (XLSB). Save it as XLSX and upload that.")
    return Format.ZIP


def _directory_of_zip(path: Path) -> bytes:
    """Return (the start of) the zip's table of contents as bytes, for names to be looked for in it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - (1 << 16) - 22))
        tail = file.read()
        end = tail.rfind(b"PK\x05\x06")
        if end < 0 or len(tail) - end < 22:
            return b""
        length, start = struct.unpack_from("<II", tail, end + 12)
        if start > size:  # a ZIP64 keeps these numbers elsewhere; the directory ends here all the same
            return tail[:end]
        file.seek(start)
        return file.read(min(length, _DIRECTORY))


def _refuse_known(path: Path, head: bytes) -> None:
    if head.startswith(_OLE):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _DIRECTORY))
            tail = file.read()
        if "EncryptedPackage".encode("utf-16-le") in head + tail:
            raise ExtractionFailed("This Office file is protected by a password. Save it without one and upload that.")
        raise ExtractionFailed(
            "This is a file of an old Office version or an Outlook message. "
            "Save it as DOCX, PPTX, XLSX, EML or PDF and upload that."
        )
    for start, reason in _REFUSED.items():
        if head.startswith(start):
            raise ExtractionFailed(reason)


def _unknown(head: bytes, name: str) -> str:
    import puremagic  # only for what we cannot read

    suffix = PurePath(name).suffix.lstrip(".").upper()
    claim = f"This file calls itself {suffix}, but it is not one: " if suffix else "This file cannot be read: "
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        matches = []
    if matches and matches[0].confidence > 0.5 and matches[0].name:
        return f"{claim}it looks like “{matches[0].name}”. Upload PDF, DOCX, PPTX, XLSX, HTML, EML, CSV, JSON or text."
    return f"{claim}its bytes are no text and of no format we know. It may be damaged or encrypted."


def _kind_of_text(text: str, suffix: str) -> Format:
    if _JSON_START.match(text):
        return _kind_of_json(text, suffix)
    if _is_mail(text):
        return Format.EMAIL
    is_markup = text.lstrip("\ufeff \r\n\t").startswith("<") and _HTML.search(text[:4096])
    if is_markup or (suffix in {".html", ".htm", ".xhtml"} and _TAG.search(text)):
        return Format.HTML
    if text.lstrip("\ufeff \r\n\t").startswith("<?xml"):
        raise ExtractionFailed("This is an XML file. Export it as HTML, CSV or JSON and upload that.")
    kind = _BY_NAME.get(suffix)
    return kind if kind and not (kind is Format.CSV and _is_prose(text)) else _kind_of_nameless(text)


def _kind_of_nameless(text: str) -> Format:
    if len(_ATX_HEADING.findall(text)) > 1:
        return Format.MARKDOWN
    return Format.CSV if _is_table(text) else Format.TEXT


def _kind_of_json(text: str, suffix: str) -> Format:
    lines = [line.strip() for line in text.splitlines() if line.strip()][:3]
    if suffix in {".jsonl", ".ndjson"} or (len(lines) > 1 and all(line[0] + line[-1] == "{}" for line in lines[:2])):
        return Format.JSON_LINES
    return Format.JSON


def _is_mail(text: str) -> bool:
    lines = text.lstrip("\ufeff\r\n").splitlines()[:30]
    headers = 0
    for line in lines:
        if not line.strip():
            break
        if not line.startswith((" ", "\t")):
            if not re.match(r"[\w-]+:", line) and not line.startswith("From "):
                return False
            headers += bool(_MAIL_HEADER.match(line))
    names = {line.split(":", 1)[0].lower() for line in lines}
    return headers >= 3 and "from" in names and bool(names & {"message-id", "mime-version", "received", "date"})


def _is_prose(text: str) -> bool:
    """Say whether what calls itself a table is paragraphs, the first of which begins like a sentence or a greeting."""
    first = text.strip().partition("\n")[0].strip()
    return bool(_BLANK_LINE.search(text) and _SENTENCE.fullmatch(first))


def _is_table(text: str) -> bool:
    """Say whether lines of a nameless text agree on a delimiter: three columns, five rows, no exception."""
    rows = [line for line in text.splitlines()[:-1] if line.strip()][:20]
    counts = {mark: {row.count(mark) for row in rows} for mark in "\t;|,"}
    return len(rows) >= 5 and any(len(found) == 1 and found.pop() >= 2 for found in counts.values())
