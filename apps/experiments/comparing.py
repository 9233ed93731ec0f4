"""Two runs side by side: by intent, with significance, and the queries on which they differ most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.urls import reverse

from apps.accounts.models import User
from apps.experiments import evaluation_process
from apps.experiments.models import Run


class RunField(forms.ModelChoiceField):  # type: ignore[type-arg]  # Django has no such subscript
    def label_from_instance(self, run: Run) -> str:
        return f"{run.set}: {run.label}, {run.measured_at:%d %b %Y %H:%M}Z"


class CompareForm(forms.Form):
    def __init__(self, data: QueryDict | None, *, user: User) -> None:
        super().__init__(data)
        runs = Run.objects.visible_to(user).exclude(queries={}).order_by("set", "-measured_at")
        self.fields["ours"] = RunField(queryset=runs, label="How much better is")
        self.fields["theirs"] = RunField(queryset=runs, label="than")

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        ours, theirs = found.get("ours"), found.get("theirs")
        if ours and theirs and ours == theirs:
            raise forms.ValidationError("That is the same run twice. Choose another one to compare it with.")
        if ours and theirs and ours.digest != theirs.digest:
            raise forms.ValidationError(
                f"They were measured on different queries or judgments ({ours.set}, {theirs.set}), which would compare "
                "the collections and not the systems. Choose two runs of one collection; on your own judgments, "
                "measure again."
            )
        return found


@dataclass(frozen=True, slots=True)
class Line:
    """One intent, or all queries. Scores and gains in percent."""

    name: str
    figures: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        if self.figures["better"]:
            return "better †"
        return "worse †" if self.figures["worse"] else "no clear difference"


@dataclass(frozen=True, slots=True)
class Comparison:
    ours: Run
    theirs: Run
    lines: tuple[Line, ...]
    gained: tuple[Mapping[str, Any], ...]
    lost: tuple[Mapping[str, Any], ...]


def compare(ours: Run, theirs: Run) -> Comparison:
    found = _found(ours.pk, ours.measured_at.isoformat(), theirs.pk, theirs.measured_at.isoformat())
    return Comparison(
        ours=ours,
        theirs=theirs,
        lines=tuple(
            Line("All queries" if name == "average" else name, figures) for name, figures in found["rows"].items()
        ),
        gained=tuple(map(_linked, found["gained"])),
        lost=tuple(map(_linked, found["lost"])),
    )


@lru_cache(maxsize=64)
def _found(ours: int, _ours_at: str, theirs: int, _theirs_at: str) -> dict[str, Any]:
    """Reckon in the evaluator, seconds of work; a run measured again is another key."""
    runs = Run.objects.in_bulk([ours, theirs])
    return evaluation_process.compare(runs[ours].queries, runs[theirs].queries)


def _linked(change: Mapping[str, Any]) -> dict[str, Any]:
    asked = urlencode({"q": change["text"], "intent": change["intent"]})
    return {**change, "url": f"{reverse('search')}?{asked}" if change["text"] else ""}
