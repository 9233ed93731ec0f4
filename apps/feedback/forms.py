"""What judges send: a grade, a list of queries to be pooled, the wish for an export."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from apps.corpora.models import Corpus
from apps.feedback.models import Grade
from apps.feedback.pooling import Plan, Wanted
from apps.retrievers.intents import Intent
from apps.search.forms import MAX_QUERY, QueryField
from apps.search.intent import LABELS

# Each is searched for while the person waits.
MAX_QUERIES = 50
MAX_DEPTH = 100

_NAMED = re.compile(rf"({'|'.join(Intent)})\s*:\s*(.+)", re.IGNORECASE | re.DOTALL)
_BY_LOWER = {intent.lower(): intent for intent in Intent}


class GradeForm(forms.Form):
    """A grade, or nothing to withdraw the one given."""

    grade = forms.TypedChoiceField(choices=Grade.choices, coerce=int, empty_value=None, required=False)
    note = forms.CharField(max_length=500, required=False, label="Note")

    def clean(self) -> dict[str, Any]:
        if "grade" not in self.data:  # left out is not withdrawn
            raise ValidationError("A judgment needs a grade.")
        return self.cleaned_data


class JudgmentForm(GradeForm):
    """A grade given on a result."""

    q = QueryField()
    intent = forms.ChoiceField(choices=[(str(intent), label) for intent, label in LABELS.items()])
    passage = forms.IntegerField(min_value=1, max_value=2**63 - 1)

    def clean_q(self) -> str:
        if not (text := self.cleaned_data["q"]):
            raise ValidationError("A judgment needs its query.")
        return str(text)


class PoolForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="What the queries are about, for the others who judge.")
    queries = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "true"}),
        help_text=f"One a line, at most {MAX_QUERIES}. Start a line with {', '.join(Intent)} and a colon to say how "
        "to read it (“FactCheck: The dam has failed.”); others are read as the search page reads them.",
    )
    depth = forms.IntegerField(
        min_value=1, max_value=MAX_DEPTH, initial=10, help_text="How many of each system's best passages to judge."
    )
    corpus = forms.MultipleChoiceField(
        required=False,
        label="Corpora",
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: all that you may read.",
    )

    def __init__(self, data: Any = None, *, corpora: Sequence[Corpus]) -> None:
        super().__init__(data)
        cast("forms.MultipleChoiceField", self.fields["corpus"]).choices = [(c.slug, c.name) for c in corpora]

    def clean_queries(self) -> tuple[Wanted, ...]:
        wanted = tuple(dict.fromkeys(read_queries(self.cleaned_data["queries"])))
        if len(wanted) > MAX_QUERIES:
            raise ValidationError(
                f"These are {len(wanted)} queries; a pool takes {MAX_QUERIES}. Make two pools of them."
            )
        if too_long := [query.text for query in wanted if len(query.text) > MAX_QUERY]:
            raise ValidationError(f"A query takes {MAX_QUERY:,} characters: shorten “{too_long[0][:60]}…”.")
        if not wanted:
            raise ValidationError("Write at least one query.")
        return wanted

    def plan(self) -> Plan:
        data = self.cleaned_data
        return Plan(name=data["name"], wanted=data["queries"], depth=data["depth"], corpora=tuple(data["corpus"]))


def read_queries(lines: str) -> list[Wanted]:
    """Read one query a line; "FactCheck: …" names its intent."""
    texts = (QueryField().to_python(line) for line in lines.splitlines())
    return [_wanted(text) for text in texts if text]


def _wanted(text: str) -> Wanted:
    if named := _NAMED.fullmatch(text):
        return Wanted(named[2], _BY_LOWER[named[1].lower()])
    return Wanted(text, None)


class ExportForm(forms.Form):
    format = forms.ChoiceField(choices=[("beir", "BEIR folder"), ("trec", "TREC topics and qrels")], initial="beir")
    combine = forms.ChoiceField(
        label="Where several judged the same",
        choices=[("majority", "Majority, the lower grade of a tie"), ("mean", "Mean, halves up")],
        initial="majority",
    )
    extent = forms.ChoiceField(
        label="Passages",
        choices=[
            ("corpora", "All of the corpora judged in: as hard as the real search"),
            ("judged", "Judged ones only: small, and easier than the real search"),
        ],
        initial="corpora",
    )
