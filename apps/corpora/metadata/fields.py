"""What the fields of a record, a front matter or the head of a report say about hazard, place, event. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.corpora.metadata import hazards, languages
from apps.corpora.metadata.gazetteer import Place, display, gazetteer
from apps.corpora.metadata.places import Found

# Names without their punctuation; nested fields by their last part. The earlier, the surer.
_EVENT = "eventname eventtitle disastername event disaster crisis emergency incidentname".split()
_HAZARD = "hazards hazard hazardtype disastertype eventtype incidenttype disaster type hazardgroup".split()
_PLACE = "places place placename location locationname city town municipality area county czname cznamestr".split()
_STATE = "state statename stateabbr province region admin1 adm1name".split()
_COUNTRY = "country countryname countrycode iso3 iso2 iso adm0name nation countries".split()
_LATITUDE = "latitude lat beginlat centerlat y".split()
_LONGITUDE = "longitude lon lng long beginlon centerlon x".split()
_PUBLISHER = "publisher organisation organization agency sourcename source outlet site newspaper".split()
_LANGUAGE = "language lang languagecode".split()
_LONGEST = {"event": 120, "place": 80, "publisher": 120}
_NOT_A_NAME = re.compile(r"[\W\d_]*|\w+://.*|not labeled|unknown|n/?a|none|null|true|false", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fields:
    """A record's fields by their plain names."""

    values: Mapping[str, Any]

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Fields:
        values: dict[str, Any] = {}
        for name, value in metadata.items():
            if value not in (None, "", [], {}):
                values.setdefault(_plain(name), value)
                values.setdefault(_plain(name.rsplit(".", 1)[-1]), value)
        return cls(values)

    def hazards(self) -> list[str]:
        for name in _HAZARD:
            found = hazards.from_field(_text(self.values[name])) if name in self.values else []
            if found:
                return found
        return []

    def event(self) -> str:
        """Return the event's name: one that only says what kind it is, or its number, is none."""
        value = self._name(_EVENT, "event")
        return "" if value in hazards.LABELS else value

    def publisher(self) -> str:
        return self._name(_PUBLISHER, "publisher")

    def language(self) -> str:
        return languages.from_field(self._first(_LANGUAGE))

    def places(self) -> Found:
        known = gazetteer()
        country = known.country_of(self._first(_COUNTRY))
        state = known.states.get(self._first(_STATE).upper()) or known.named(self._first(_STATE))
        code = country.country if country else state.country if state else ""
        point = self.point()
        names: dict[str, None] = {}
        best: Place | None = None
        for value in [*self._several(_PLACE), *self._several(_STATE)]:
            place = known.named(value.partition(",")[0], country=code) or known.states.get(value.upper())
            best = best or place
            names.update(dict.fromkeys(display(place, known) if place else _unknown(value, country)))
        if country:
            names.update({country.name: None})
            best = best or country
        if not names and not point:
            return Found([])
        latitude, longitude = point or ((best.latitude, best.longitude) if best else (None, None))
        return Found(list(names), latitude, longitude)

    def point(self) -> tuple[float, float] | None:
        """Return latitude and longitude, from two fields or from a pair as GeoJSON has it."""
        pair = self.values.get("coordinates")
        if isinstance(pair, list | tuple) and len(pair) == 2:
            return _point(pair[1], pair[0])
        return _point(self._first(_LATITUDE), self._first(_LONGITUDE))

    def _first(self, names: list[str]) -> str:
        return next((_text(self.values[name]).strip() for name in names if name in self.values), "")

    def _several(self, names: list[str]) -> list[str]:
        """Return what the first such field holds: one name, or several between semicolons or in a list."""
        value = next((self.values[name] for name in names if name in self.values), None)
        parts = value if isinstance(value, list) else str(value or "").split(";")
        named = [str(part).strip() for part in parts if isinstance(part, str | int)]
        return [part for part in named if _is_name(part, "place")]

    def _name(self, names: list[str], what: str) -> str:
        values = (_text(self.values[name]).strip() for name in names if name in self.values)
        return next((value for value in values if _is_name(value, what)), "")


def _unknown(value: str, country: Place | None) -> list[str]:
    """Return the names of a place that no gazetteer has."""
    if country:
        return [f"{value}, {country.name}", country.name]
    return [value, value.rpartition(", ")[2]] if ", " in value else [value]


def _is_name(value: str, what: str) -> bool:
    return len(value) <= _LONGEST[what] and not _NOT_A_NAME.fullmatch(value)


def _point(latitude: Any, longitude: Any) -> tuple[float, float] | None:
    try:
        north, east = float(latitude), float(longitude)
    except (TypeError, ValueError):
        return None
    fits = -90 <= north <= 90 and -180 <= east <= 180 and (north, east) != (0, 0)
    return (north, east) if fits else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def _text(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
