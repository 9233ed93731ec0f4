from __future__ import annotations

from typing import Any

from django import forms

from apps.indexing import making
from apps.indexing.estimating import Plan
from apps.indexing.models import VectorIndex
from apps.retrievers.checkpoints import choosable_cards
from apps.retrievers.fusion import DENSE_SHARES

_HERE, _ELSEWHERE = "On this machine", "Files not found here"


class PlanForm(forms.Form):
    """What an index is to be made of; valid when it can be made."""

    model = forms.ChoiceField(label="Model", required=False)
    folder = forms.CharField(
        label="Or a checkpoint's folder",
        max_length=500,
        required=False,
        help_text="As the workers see it, for instance a model that you trained. It goes before the list.",
    )
    precision = forms.ChoiceField(
        label="Precision",
        required=False,
        choices=[("", "What suits the model"), *VectorIndex.Precision.choices],
        help_text="16-bit numbers find practically what 32-bit ones do, in half the space.",
    )
    m = forms.IntegerField(
        label="m",
        initial=16,
        min_value=4,
        max_value=100,
        required=False,
        help_text="Neighbours of a passage in the graph.",
    )
    ef_construction = forms.IntegerField(
        label="ef_construction",
        initial=64,
        min_value=8,
        max_value=1000,
        required=False,
        help_text="How carefully the graph is built: higher finds more and takes longer.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["model"].choices = _models()  # type: ignore[attr-defined]
        self.plan: Plan | None = None
        self.revision = ""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            self.plan = making.plan(
                cleaned["folder"].strip() or cleaned["model"],
                precision=cleaned["precision"],
                m=cleaned["m"] or 16,
                ef_construction=cleaned["ef_construction"] or 64,
            )
            self.revision = making.revision_of(self.plan)
        except making.NotMade as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return cleaned


class SearchSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """How an index is searched."""

    class Meta:
        model = VectorIndex
        fields = ["ef_search", "recall_floor", "exact_below_floor", "shadow_share"]
        labels = {
            "ef_search": "ef_search",
            "recall_floor": "Least recall@10",
            "exact_below_floor": "Search exactly while recall is below that",
            "shadow_share": "Share of searches to shadow",
        }
        help_texts = {
            "ef_search": "How many candidates a search keeps: choose it from the curve.",
            "recall_floor": "From 0 to 1. Below it, the status page tells.",
            "exact_below_floor": "Slower, and nothing is missed.",
            "shadow_share": "From 0 to 1. So many of people's searches also run here, behind their answer.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for intent, usual in DENSE_SHARES.items():
            self.fields[_share_of(intent)] = forms.FloatField(
                label=str(intent),
                min_value=0,
                max_value=1,
                required=False,
                initial=self.instance.dense_shares.get(intent),
                widget=forms.NumberInput(attrs={"placeholder": usual, "step": 0.05}),
            )
        if self.instance.status not in (VectorIndex.Status.READY, VectorIndex.Status.STANDBY):
            del self.fields["shadow_share"]  # there is nothing to compare

    def changes(self) -> dict[str, Any]:
        """Return what `switching.change` is to set."""
        chosen = {str(intent): self.cleaned_data.get(_share_of(intent)) for intent in DENSE_SHARES}
        general = {name: value for name, value in self.cleaned_data.items() if not name.startswith(_SHARE)}
        return {**general, "dense_shares": {intent: share for intent, share in chosen.items() if share is not None}}

    def general_fields(self) -> list[Any]:
        return [field for field in self if not field.name.startswith(_SHARE)]

    def share_fields(self) -> list[Any]:
        """Return the fields that say by intent how much meaning counts beside words."""
        return [field for field in self if field.name.startswith(_SHARE)]


_SHARE = "share_of_"


def _share_of(intent: str) -> str:
    return f"{_SHARE}{intent}"


def _models() -> list[Any]:
    here: list[tuple[str, str]] = []
    elsewhere: list[tuple[str, str]] = []
    for card, at_hand in choosable_cards():
        (here if at_hand else elsewhere).append((card.name, f"{card.name}, {card.dim:,} dims"))
    return [("", "The one that settings name"), (_HERE, here), (_ELSEWHERE, elsewhere)]
