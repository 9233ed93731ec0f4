"""What a document is about: from its fields first, else found in its text. Pure; under 2 ms a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from apps.corpora.metadata import events, hazards, languages, places, publishers
from apps.corpora.metadata.fields import Fields
from apps.corpora.metadata.subject import LONGEST_EVENT, LONGEST_PLACE, Subject

How = Literal["field", "text"]

# Raised when the finders have learnt something: `manage.py find_metadata` then looks at every document again.
VERSION = 2


@dataclass(kw_only=True, slots=True)
class Description:
    """Values for the fields of `Described`, and where each came from."""

    hazards: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    latitude: float | None = None
    longitude: float | None = None
    event: str = ""
    language: str = ""
    publisher: str = ""
    origins: dict[str, dict[str, str]] = field(default_factory=dict)


def describe(subject: Subject) -> Description:
    return _Finder(subject).description()


class _Finder:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.fields = Fields.of(subject.metadata)
        self.found = Description()

    def description(self) -> Description:
        self._hazards()
        found_places = self._places()
        self._event(found_places)
        self._language()
        self._publisher()
        if self.subject.published_at:
            self._came("published_at", "text" if self._date_was_found() else "field")
        return self.found

    def _came(self, name: str, how: How) -> None:
        self.found.origins[name] = {"how": how}

    def _hazards(self) -> None:
        given = self.fields.hazards()
        self.found.hazards = given or hazards.find(self.subject.words, title=self.subject.title_words)
        if self.found.hazards:
            self._came("hazards", "field" if given else "text")

    def _places(self) -> places.Found:
        given = self.fields.places()
        found = given if given.names else places.find(self.subject)
        point = self.fields.point() or (found.latitude, found.longitude)
        names = [name for name in found.names if len(name) <= LONGEST_PLACE]
        self.found.places, (self.found.latitude, self.found.longitude) = names, point
        if names or point[0] is not None:
            self._came("places", "field" if given.names or self.fields.point() else "text")
        return found

    def _event(self, found_places: places.Found) -> None:
        if given := self.fields.event():
            self.found.event = given
            self._came("event", "field")
            return
        found = events.find(self.subject, kinds=self.found.hazards, places=found_places)
        if found and len(found) <= LONGEST_EVENT:
            self.found.event = found
            self._came("event", "text")
            self._hazard_of_event()

    def _hazard_of_event(self) -> None:
        """Let the name of a storm, a fire or a hashtag say the hazard that the words left open."""
        if not self.found.hazards and (hazard := events.hazard_of(self.found.event)):
            self.found.hazards = [hazard]
            self._came("hazards", "text")

    def _language(self) -> None:
        given = languages.from_field(self.subject.language) or self.fields.language()
        self.found.language = given or languages.find(self.subject.head)
        if self.found.language:
            self._came("language", "field" if given else "text")

    def _publisher(self) -> None:
        given = self.fields.publisher() or publishers.from_facts(self.subject)
        named, is_said = (given, True) if given else publishers.find(self.subject)
        self.found.publisher = named[:200]
        if named:
            self._came("publisher", "field" if is_said else "text")

    def _date_was_found(self) -> bool:
        return self.subject.metadata.get("published_at_from") in ("head of text", "file name")
