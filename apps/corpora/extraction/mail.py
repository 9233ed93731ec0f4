"""EML: the message is a document, and so is each attachment that can be read."""

import email
import email.policy
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path, PurePath
from typing import Any

from apps.corpora.cleaning import clean_line
from apps.corpora.extraction import plain, reading, web
from apps.corpora.extraction.charsets import decode
from apps.corpora.extraction.composing import Composer
from apps.corpora.extraction.dates import parse_date
from apps.corpora.extraction.describing import composed
from apps.corpora.extraction.records import BadRow, ExtractedDocument, ExtractionFailed, Source

_SHOWN = ("from", "to", "cc", "reply-to")
_MOST_ATTACHMENTS = 100


def read(source: Source) -> Iterator[ExtractedDocument | BadRow]:
    with source.path.open("rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        raise ExtractionFailed("This e-mail cannot be read.")
    attachments = list(_attachments(message))[:_MOST_ATTACHMENTS]
    composer = Composer(source.limits)
    _add_body(composer, message)
    if composer.text:
        yield _document(message, composer, source)
    elif not attachments:
        raise ExtractionFailed("This e-mail holds no text and no attachment.")
    for number, part in enumerate(attachments, start=1):
        yield from _attached(number, part, source, to=_header(message, "subject"))


def _document(message: EmailMessage, composer: Composer, source: Source) -> ExtractedDocument:
    headers = {name.replace("-", "_"): _header(message, name) for name in _SHOWN}
    names = [_name(part) for part in _attachments(message)]
    return composed(
        composer,
        source,
        title=_header(message, "subject"),
        external_id=_header(message, "message-id").strip("<>") or None,
        author=headers["from"],
        published_at=parse_date(_header(message, "date")),
        metadata={key: value for key, value in {**headers, "attachments": names}.items() if value},
    )


def _header(message: EmailMessage, name: str) -> str:
    return clean_line(str(message.get(name, "")))


def _add_body(composer: Composer, message: EmailMessage) -> None:
    for kind, add in (("plain", plain.add_text), ("html", web.add_markup)):
        body = message.get_body(preferencelist=(kind,))
        if body and not composer.text:  # some programs send a plain part of nothing but spaces
            add(composer, _content(body))


def _content(part: Any) -> str:
    """Return a text part's characters, whatever character set it wrongly claims."""
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    charset = part.get_content_charset()
    try:
        return data.decode(charset) if charset else decode(data)
    except (LookupError, UnicodeDecodeError):
        return decode(data)


def _attachments(message: EmailMessage) -> Iterator[Any]:
    """Yield what was attached; pictures shown inside the text are not."""
    for part in message.iter_attachments():
        if part.get_content_maintype() != "image" or part.get_content_disposition() == "attachment":
            yield part


def _name(part: Any) -> str:
    if part.get_content_type() == "message/rfc822":
        return f"{clean_line(str(part.get_content().get('subject', 'message')))}.eml"
    return clean_line(part.get_filename() or f"attachment.{part.get_content_subtype()}")


def _attached(number: int, part: Any, source: Source, *, to: str) -> Iterator[ExtractedDocument | BadRow]:
    """Read an attachment as its own document; where that fails, say which one and why."""
    name = _name(part)
    path = Path(f"attachment-{number}{PurePath(name).suffix[:10]}")  # in the child's own folder
    is_message = part.get_content_type() == "message/rfc822"
    path.write_bytes(part.get_content().as_bytes() if is_message else part.get_payload(decode=True) or b"")
    if is_message and source.name.endswith(_INNER):
        yield BadRow(number, f"the message “{name}” lies too deep inside other messages: upload it by itself")
        return
    try:
        for record in reading.read(replace(source, path=path, name=name + _INNER * is_message, mapping=None)):
            if isinstance(record, ExtractedDocument):
                yield replace(record, metadata={**record.metadata, "attached_to": to, "attachment": name})
            else:
                yield BadRow(number, f"attachment “{name}”, row {record.number}: {record.reason}")
    except ExtractionFailed as failure:
        yield BadRow(number, f"attachment “{name}”: {failure}")
    finally:
        path.unlink()


_INNER = ".inner.eml"  # a message inside a message inside a message is not opened
