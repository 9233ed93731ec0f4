"""What a person says to begin a run."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import slugify

from apps.experiments.runs import Adaptation
from apps.indexing import services as indexing
from apps.retrievers.checkpoints import CheckpointMissing, get_checkpoint
from apps.retrievers.family import UnknownRetriever, get_card
from apps.retrievers.naming import named_retriever


class StartForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Adaptation
        fields = ["corpus", "model", "name", "with_judgments"]
        labels = {
            "corpus": "Corpus",
            "model": "Model to begin from",
            "name": "Name of the new model",
            "with_judgments": "Learn from people's judgments too",
        }
        help_texts = {
            "model": "Leave it empty for the one that the settings name.",
            "name": "Leave it empty for one made of the corpus and the day.",
            "with_judgments": "Half of the judged questions teach, the others judge.",
        }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["model"].required = self.fields["name"].required = False

    def clean_model(self) -> str:
        name = self.cleaned_data["model"] or indexing.chosen_card().name
        try:
            card, folder = named_retriever(name)
            if not card.hub_id:
                raise forms.ValidationError(f"{card.name} is not a model that learns. Choose another.")
            get_checkpoint(card, folder=folder)
        except (UnknownRetriever, CheckpointMissing, ValueError) as failure:
            raise forms.ValidationError(str(failure)) from failure
        return str(name)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if corpus := cleaned.get("corpus"):
            cleaned["name"] = cleaned.get("name") or f"{slugify(corpus.name)[:40]}-{timezone.now():%Y%m%d-%H%M}"
        name = cleaned.get("name", "")
        if name and "name" not in self.errors and _is_taken(name):
            self.add_error("name", f"There is a model called {name} already. Choose another name.")
        return cleaned


def _is_taken(name: str) -> bool:
    try:
        get_card(name)
    except UnknownRetriever:
        return Adaptation.objects.filter(name__iexact=name).open().exists()
    return True
