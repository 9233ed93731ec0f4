"""Text products of the United States National Weather Service (warnings, discussions, advisories).

Their header, zone codes and end marks are for machines: they go to the metadata, and the words stay.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.corpora.cleaning import clean_line
from apps.corpora.extraction.dates import find_date

# ".LONG TERM /TONIGHT THROUGH FRIDAY/..." begins a section, and its text may follow on the line.
HEADING = re.compile(r"\.(?P<title>[A-Z][A-Z0-9 ,'&/()-]{2,80}?(?:/[^/\n]+/)?)\.\.\.?(?P<rest>.*)$")

_HEADER = re.compile(
    r"\A\s*(?:\d{3}\s*\n)?(?P<wmo>[A-Z]{4}\d\d [A-Z]{4} \d{6})(?: [A-Z]{3})?\s*\n(?P<awips>[A-Z0-9]{4,6})?\s*\n"
)
_OFFICE = re.compile(r"^\s*(?:NWS |NATIONAL WEATHER SERVICE|ISSUED BY|US NATIONAL)", re.IGNORECASE)
_ZONES = re.compile(r"^[A-Z]{2}[CZ](?:\d{3}|ALL)[A-Z0-9>\n -]*?\d{6}-[ \t]*$", re.MULTILINE)
_EVENT = re.compile(r"^/[A-Z]\.[A-Z]{3}\.[A-Z]{4}\.[^\n]*/[ \t]*$|^/[A-Z0-9]{5}\.[\w.]+/[ \t]*$", re.MULTILINE)
_MARKS = re.compile(
    r"^(?:&&|\$\$|!!|LAT\.\.\.LON[\d \n]*|TIME\.\.\.MOT\.\.\.LOC[^\n]*|[A-Z]{2,4}|[a-z]{2,4})[ \t]*$", re.MULTILINE
)
_ISSUED = re.compile(r"^\d{3,4} (?:AM|PM) [A-Z]{1,4} \w{3} \w{3} \d{1,2} \d{4}.*$", re.IGNORECASE | re.MULTILINE)
_URGENCY = re.compile(r"^(?:BULLETIN|URGENT)\b.*$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bulletin:
    title: str
    body: str
    issued_at: datetime | None
    metadata: dict[str, Any]


def recognise(text: str) -> Bulletin | None:
    """Return the bulletin that `text` is, or None."""
    text = re.sub(r"[\x00-\x08\x0b-\x1f]", "", text.replace("\r\n", "\n"))
    header = _HEADER.match(text)
    if not header:
        return None
    body = text[header.end() :]
    issued = _ISSUED.search(body)
    metadata = {
        "wmo_header": header["wmo"],
        "product": header["awips"] or "",
        "zones": [clean_line(zones) for zones in _ZONES.findall(body)][:50],
        "events": [event.strip(" /") for event in _EVENT.findall(body)][:50],
        "published_at_from": "bulletin header",
    }
    for pattern in (_ZONES, _EVENT, _MARKS):
        body = pattern.sub("", body)
    return Bulletin(
        title=_title(body),
        body=body,
        issued_at=find_date(issued.group()) if issued else None,
        metadata={name: value for name, value in metadata.items() if value},
    )


def _title(body: str) -> str:
    """Return the product's name with its office: the lines before the time of issue."""
    name: list[str] = []
    for line in body.strip().split("\n"):
        if not line.strip():
            if name:
                break
        elif _OFFICE.match(line):
            return clean_line(f"{' '.join(name)}, {line}" if name else line)
        elif not _URGENCY.match(line.strip()):
            name.append(clean_line(line).strip(".* "))
    return " ".join(name[:2])
