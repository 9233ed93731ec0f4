"""Who a text comes from: an organisation, a site, an account. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from apps.corpora.metadata.subject import Subject

_HEAD = 600  # characters: organisations further down are others'
_WEATHER_OFFICE = re.compile(
    r"\bnational weather service ([A-Za-z][\w. ]+?(?:/[\w. ]+?)*(?: [A-Z]{2}))(?=\s+\d|\s*\n|\s*$| - )", re.IGNORECASE
)
_NAMES = {
    "Federal Emergency Management Agency": "FEMA",
    "FEMA": "FEMA",
    "Ready.gov": "Ready.gov",
    "National Weather Service": "National Weather Service",
    "National Hurricane Center": "National Hurricane Center",
    "NOAA": "NOAA",
    "U.S. Geological Survey": "USGS",
    "US Geological Survey": "USGS",
    "Office for the Coordination of Humanitarian Affairs": "OCHA",
    "Bureau pour la Coordination des Affaires Humanitaires": "OCHA",
    "Bureau de la Coordination des Affaires Humanitaires": "OCHA",
    "OCHA": "OCHA",
    "World Health Organization": "WHO",
    "World Health Organisation": "WHO",
    "Organisation mondiale de la Santé": "WHO",
    "Centers for Disease Control and Prevention": "CDC",
    "European Centre for Disease Prevention and Control": "ECDC",
    "International Federation of Red Cross and Red Crescent Societies": "IFRC",
    "IFRC": "IFRC",
    "UNICEF": "UNICEF",
    "UNHCR": "UNHCR",
    "World Food Programme": "WFP",
    "Médecins Sans Frontières": "MSF",
    "International Organization for Migration": "IOM",
    "ReliefWeb": "ReliefWeb",
}
_ORGANISATION = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, _NAMES), key=len, reverse=True))})\b")
_CANONICAL = {name.lower(): short for name, short in _NAMES.items()}
# An "Agency: …" line in the head of a report.
_SAID = re.compile(
    r"^[ \t*_]*(?:agency|issued by|publisher|source)[*_]*[ \t]*:[*_]*[ \t]*(\S.{1,118}?)[ \t*_]*$", re.I | re.M
)


def from_facts(subject: Subject) -> str:
    """Return who the file or record says it comes from: its site, its account, where it was mailed from, its address."""
    metadata = subject.metadata
    if site := metadata.get("site"):
        return str(site)
    if subject.kind == "tweet":
        return subject.author
    if "@" in str(metadata.get("from", "")):
        return str(metadata["from"]).rpartition("@")[2].strip("> ").lower()
    return _host(str(metadata.get("url") or "")).removeprefix("www.")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # "http://[removed]"
        return ""


def find(subject: Subject) -> tuple[str, bool]:
    """Return the publisher that the head of a text names, and whether a line of the head says so in as many words."""
    head, title = subject.text[:_HEAD], subject.own_title
    if said := _SAID.search(head):
        return said[1], True
    office = _WEATHER_OFFICE.search(title) or _WEATHER_OFFICE.search(head)
    if office:
        return "National Weather Service", False
    named = _ORGANISATION.search(title) or _ORGANISATION.search(head)
    return (_CANONICAL[named[0].lower()], False) if named else ("", False)
