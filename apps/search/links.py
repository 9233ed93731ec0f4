"""A search as the query string of its URL, and the searches one click away from it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from apps.search.outcome import Asked

#: The field of `Asked` that a list of values in the URL stands for.
_FIELDS = {
    "corpus": "corpora",
    "kind": "kinds",
    "hazard": "hazards",
    "place": "places",
    "event": "events",
    "language": "languages",
    "source": "sources",
}


def query_string(asked: Asked) -> str:
    """Write `asked` as a URL's query string: only what is set, so that a link stays short; page one again."""
    pairs = [
        ("q", asked.query),
        ("intent", str(asked.intent) if asked.intent else ""),
        *((name, value) for name, values in asked.chosen.items() for value in values),
        ("since", asked.since.isoformat() if asked.since else ""),
        ("until", asked.until.isoformat() if asked.until else ""),
        ("box", str(asked.box) if asked.box else ""),
        ("sort", asked.sort),
        ("recency", asked.recency),
        ("new_since", asked.new_since.isoformat() if asked.new_since else ""),
    ]
    return urlencode([(name, value) for name, value in pairs if value])


def with_value(asked: Asked, name: str, value: str) -> Asked:
    """Return `asked` with one more value of the filter that is called `name` in a URL."""
    return _changed(asked, name, (*asked.chosen[name], value))


def without_value(asked: Asked, name: str, value: str) -> Asked:
    """Return `asked` without a value of a filter, or without its date called `name`."""
    if name == "since":
        return replace(asked, since=None)
    if name == "until":
        return replace(asked, until=None)
    if name == "box":
        return replace(asked, box=None)
    return _changed(asked, name, tuple(kept for kept in asked.chosen[name] if kept != value))


def without_filters(asked: Asked) -> Asked:
    return Asked(
        query=asked.query,
        intent=asked.intent,
        sort=asked.sort,
        recency=asked.recency,
        new_since=asked.new_since,
    )


def all_of(asked: Asked, *, at_most: int) -> Asked:
    """Return `asked` for all pages at once."""
    return replace(asked, offset=0, limit=at_most)


def _changed(asked: Asked, name: str, values: tuple[str, ...]) -> Asked:
    changes: dict[str, Any] = {_FIELDS[name]: values}
    return replace(asked, **changes)
