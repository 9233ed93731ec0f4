"""The form that sets right what is said of a document."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.corpora.corrections import Values
from apps.corpora.metadata import hazards, languages
from apps.corpora.metadata.gazetteer import Place, display, gazetteer
from apps.corpora.metadata.subject import LONGEST_EVENT, LONGEST_PLACE
from apps.corpora.models import Document

_MOMENT = "%Y-%m-%dT%H:%M"


def _hazard_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (group.label, sorted(((slug, hazards.label_of(slug)) for slug in hazards.types_of(code)), key=lambda c: c[1]))
        for code, group in hazards.GROUPS.items()
    ]


class CorrectionForm(forms.Form):
    """What a person says of documents; only what was changed counts."""

    hazards = forms.MultipleChoiceField(required=False, label="Hazards", widget=forms.SelectMultiple({"size": 8}))
    places = forms.CharField(
        required=False,
        max_length=2_000,
        label="Places",
        help_text="The main one first, several between semicolons: Kathmandu, Nepal; Pokhara, Nepal",
    )
    latitude = forms.FloatField(
        required=False,
        min_value=-90,
        max_value=90,
        label="Latitude",
        help_text="Of a place that the map does not know.",
    )
    longitude = forms.FloatField(required=False, min_value=-180, max_value=180, label="Longitude")
    event = forms.CharField(required=False, max_length=LONGEST_EVENT, label="Event")
    published_at = forms.DateTimeField(
        required=False,
        label="Date (UTC)",
        input_formats=[_MOMENT, "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        widget=forms.DateTimeInput({"type": "datetime-local"}, format=_MOMENT),
    )
    language = forms.CharField(
        required=False, max_length=30, label="Language", help_text="Its name or two letters: French, fr"
    )
    publisher = forms.CharField(
        required=False, max_length=200, label="Source", help_text="Organisation, site or account."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hazards"].choices = _hazard_choices()  # type: ignore[attr-defined]

    @classmethod
    def of(cls, document: Document, data: Any = None) -> CorrectionForm:
        initial = {
            "hazards": document.hazards,
            "places": "; ".join(_without_countries(document.places)),
            "event": document.event,
            # As the field shows it: seconds that it cannot show would count as changed.
            "published_at": document.published_at and document.published_at.replace(second=0, microsecond=0),
            "language": document.language,
            "publisher": document.publisher,
            "latitude": document.latitude,
            "longitude": document.longitude,
        }
        return cls(data, initial=initial)

    def clean_language(self) -> str:
        value: str = self.cleaned_data["language"]
        code = languages.from_field(value)
        if value and not code:
            raise forms.ValidationError("This language is not known. Give its two letters, as in fr for French.")
        return code

    def clean_places(self) -> str:
        value: str = self.cleaned_data["places"]
        if too_long := next((name for name in _parts(value) if len(name) > LONGEST_PLACE), ""):
            raise forms.ValidationError(
                f"“{too_long[:40]}…” is too long for the name of one place: {LONGEST_PLACE} characters at most."
            )
        return value

    def clean(self) -> dict[str, Any]:
        latitude, longitude = self.cleaned_data.get("latitude"), self.cleaned_data.get("longitude")
        if (latitude is None) != (longitude is None) and not self.errors:
            self.add_error("longitude", "A point needs both numbers: latitude and longitude.")
        return self.cleaned_data

    def values(self) -> Values:
        """Return what was changed, as `corrections.correct` takes it."""
        changed = set(self.changed_data)
        values: dict[str, dict[str, Any]] = {
            name: {name: self.cleaned_data[name]} for name in ("event", "language", "publisher") if name in changed
        }
        if "hazards" in changed:
            before = list(self.initial.get("hazards") or [])
            chosen = self.cleaned_data["hazards"]
            # The main one stays in front.
            values["hazards"] = {"hazards": sorted(chosen, key=lambda slug: (slug not in before, slug))}
        if "published_at" in changed:
            moment = self.cleaned_data["published_at"]
            values["published_at"] = {"published_at": moment.isoformat() if moment else None}
        if changed & {"places", "latitude", "longitude"}:
            values["places"] = self._places(point_changed=bool(changed & {"latitude", "longitude"}))
        return values

    def _places(self, *, point_changed: bool) -> dict[str, Any]:
        known = gazetteer()
        names: dict[str, None] = {}
        first: Place | None = None
        for written in _parts(self.cleaned_data["places"]):
            name, _, country = written.rpartition(", ") if ", " in written else (written, "", "")
            within = known.country_of(country) if country else None
            place = known.named(name, country=within.country if within else "")
            first = first or place
            names.update(dict.fromkeys(display(place, known) if place else _as_written(written)))
        latitude, longitude = self.cleaned_data["latitude"], self.cleaned_data["longitude"]
        if not point_changed:
            latitude, longitude = (first.latitude, first.longitude) if first else (None, None)
        return {"places": list(names), "latitude": latitude, "longitude": longitude}


def _parts(places: str) -> list[str]:
    return [name for part in places.split(";") if (name := part.strip())]


def _without_countries(places: list[str]) -> list[str]:
    """Return the places as they are written: a country only where nothing in it is named."""
    return [place for place in places if not any(other.endswith(f", {place}") for other in places)]


def _as_written(name: str) -> list[str]:
    """Return a place that no gazetteer has, and what it lies in, where that is written behind it."""
    return [name, name.rpartition(", ")[2]] if ", " in name else [name]
