"""The search form: its state is the URL's query string, so that a search can be sent to somebody."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from apps.corpora.models import Corpus, Kind
from apps.retrievers.intents import Intent
from apps.search.area import Box
from apps.search.intent import LABELS
from apps.search.outcome import Asked, Recency, Sort

# A long premise; a model reads less than this anyway.
MAX_QUERY = 2_000
PAGE_SIZE = 10
# Beyond this nobody looks: the page says to narrow the search instead, and what is taken away holds more.
MAX_PAGES = 20
# One card a document: its other passages stand in it.
OF_ONE_DOCUMENT = 1
MAX_VALUE = 200
# What the search page has no field for: it comes by links, and the form must send it on.
UNSEEN = ("hazard", "place", "event", "language", "source", "box", "new_since")

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


class QueryField(forms.CharField):
    """Text as typed or pasted, with control characters read as spaces."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=MAX_QUERY, label="Search")
        self.error_messages["too_long"] = "too long"

    def to_python(self, value: Any) -> str:
        return " ".join(_UNPRINTABLE.sub(" ", value or "").split())

    def run_validators(self, value: Any) -> None:
        if len(value) > MAX_QUERY:
            raise ValidationError(
                f"That is {len(value):,} characters; a search takes {MAX_QUERY:,} at most. "
                "Nothing was searched. Try the sentence that matters most."
            )
        super().run_validators(value)


class ValuesField(forms.MultipleChoiceField):
    """Values that come out of the documents: one that no document has finds nothing, which is no mistake."""

    def __init__(self, label: str) -> None:
        super().__init__(required=False, label=label, widget=forms.CheckboxSelectMultiple)

    def valid_value(self, value: Any) -> bool:
        return len(value) <= MAX_VALUE

    def clean(self, value: Any) -> list[str]:
        values = (_UNPRINTABLE.sub(" ", text).strip() for text in super().clean(value))
        return list(dict.fromkeys(filter(None, values)))


class BoxField(forms.CharField):
    """A box on the map, as "west,south,east,north" in degrees."""

    def clean(self, value: Any) -> Box | None:
        text = super().clean(value)
        try:
            return Box.parse(text) if text else None
        except ValueError as failure:
            raise ValidationError("box must be west,south,east,north in degrees.") from failure


class MomentField(forms.DateTimeField):
    """A moment that a link of ours brings; one that is none is no mistake of the person's, and counts as not given."""

    def clean(self, value: Any) -> datetime | None:
        try:
            return cast("datetime | None", super().clean(value))
        except ValidationError:
            return None


class SearchForm(forms.Form):
    leaves_out = False  #: corpora that were named, and that this person cannot search

    q = QueryField()
    intent = forms.ChoiceField(
        required=False,
        label="Read it as",
        choices=[("", "Automatic"), *((str(intent), label) for intent, label in LABELS.items())],
        widget=forms.RadioSelect,
    )
    corpus = forms.MultipleChoiceField(required=False, label="Corpora", widget=forms.CheckboxSelectMultiple)
    kind = forms.MultipleChoiceField(
        required=False, label="Kinds", choices=Kind.choices, widget=forms.CheckboxSelectMultiple
    )
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}))
    hazard = ValuesField("Hazards")
    place = ValuesField("Places")
    event = ValuesField("Events")
    language = ValuesField("Languages")
    source = ValuesField("Sources")
    box = BoxField(required=False, label="Part of the map", widget=forms.HiddenInput)
    sort = forms.ChoiceField(required=False, label="Order", choices=Sort.choices)
    recency = forms.ChoiceField(required=False, label="Prefer", choices=Recency.choices)
    page = forms.IntegerField(required=False, min_value=1, max_value=MAX_PAGES, widget=forms.HiddenInput)
    new_since = MomentField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: MultiValueDict[str, str], *, corpora: Sequence[Corpus]) -> None:
        super().__init__(data)
        corpus = cast("forms.MultipleChoiceField", self.fields["corpus"])
        corpus.choices = [(c.slug, c.name) for c in corpora]
        # The same words for a corpus that is not there and for one that is not for this person.
        corpus.error_messages["invalid_choice"] = "There is no corpus “%(value)s” that you can search."

    @classmethod
    def of_link(cls, data: MultiValueDict[str, str], *, corpora: Sequence[Corpus]) -> SearchForm:
        """Read what somebody else may have asked: of the corpora it names, those that this person may search."""
        readable = [slug for slug in data.getlist("corpus") if slug in {corpus.slug for corpus in corpora}]
        leaves_out = bool(readable) and len(readable) < len(data.getlist("corpus"))
        if leaves_out:
            data = data.copy()
            data.setlist("corpus", readable)
        form = cls(data, corpora=corpora)
        form.leaves_out = leaves_out
        return form

    @property
    def unseen(self) -> list[tuple[str, str]]:
        """Return the names and values of the filters, as they came, that have no field on the page."""
        kept = [name for name in UNSEEN if name not in self.errors]
        return [(name, value) for name in kept for value in cast("QueryDict", self.data).getlist(name) if value]

    def clean_intent(self) -> Intent | None:
        return Intent(value) if (value := self.cleaned_data["intent"]) else None

    def clean(self) -> dict[str, Any]:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", "The last day lies before the first: nothing can be found between them.")
        return self.cleaned_data

    def asked(self, *, of_one_document: int | None = OF_ONE_DOCUMENT, limit: int = PAGE_SIZE) -> Asked:
        """Return what the (valid) form asks for."""
        data = self.cleaned_data
        return Asked(
            query=data["q"],
            intent=data["intent"],
            corpora=tuple(data["corpus"]),
            kinds=tuple(data["kind"]),
            since=data["since"],
            until=data["until"],
            hazards=tuple(data["hazard"]),
            places=tuple(data["place"]),
            events=tuple(data["event"]),
            languages=tuple(data["language"]),
            sources=tuple(data["source"]),
            box=data["box"],
            sort=Sort(data["sort"]),
            recency=Recency(data["recency"]),
            new_since=data["new_since"],
            offset=((data["page"] or 1) - 1) * limit,
            limit=limit,
            of_one_document=of_one_document,
        )


class MarksForm(forms.Form):
    """Which hits of a search are to be marked by meaning: those of one page."""

    q = QueryField()
    intent = forms.ChoiceField(choices=[(str(intent), label) for intent, label in LABELS.items()])
    passage = forms.TypedMultipleChoiceField(coerce=int)

    def __init__(self, data: MultiValueDict[str, str]) -> None:
        super().__init__(data)
        asked = [text for text in data.getlist("passage")[:PAGE_SIZE] if text.isdecimal() and len(text) < 19]
        cast("forms.TypedMultipleChoiceField", self.fields["passage"]).choices = [(text, text) for text in asked]
