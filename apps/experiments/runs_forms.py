"""What a person says to begin a run."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.text import slugify

from apps.experiments.runs import Adaptation
from apps.indexing import services as indexing
from apps.retrievers.checkpoints import CheckpointMissing, choosable_cards, get_checkpoint
from apps.retrievers.family import UnknownRetriever, get_card
from apps.retrievers.intents import Intent
from apps.retrievers.naming import named_retriever

WRITER_FIELDS = ("passages_asked", "intents", "token_budget", "judges")
MOST_PASSAGES = 20_000  #: that a language model is asked about in one run


class StartForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a run is to be made of. Fields about a language model are there where the settings name one."""

    passages_asked = forms.IntegerField(
        label="Passages that a language model writes questions for",
        min_value=0,
        max_value=MOST_PASSAGES,
        required=False,
        help_text="None if you leave it empty. Each passage and intent takes two calls.",
    )
    intents = forms.MultipleChoiceField(
        label="Intents to write for",
        choices=[(str(intent), str(intent)) for intent in Intent],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="All six if you choose none.",
    )
    token_budget = forms.IntegerField(
        label="Tokens it may cost",
        min_value=10_000,
        required=False,
        help_text="Read and written together. When they are spent the run goes on with what there is.",
    )
    judges = forms.MultipleChoiceField(
        label="Retrievers that must agree",
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="What it wrote stays where more than half of them find the passage. The model to begin from, if you "
        "choose none.",
    )

    class Meta:
        model = Adaptation
        fields = [
            *("corpus", "model", "name", "with_judgments", "only_data"),
            *WRITER_FIELDS,
        ]
        labels = {
            "corpus": "Corpus",
            "model": "Model to begin from",
            "name": "Name of the new model",
            "with_judgments": "Learn from people's judgments too",
            "only_data": "Make the training data only",
        }
        help_texts = {
            "model": "Leave it empty for the one that the settings name.",
            "name": "Leave it empty for one made of the corpus and the day.",
            "with_judgments": "Seven tenths of the judged questions teach, the others judge.",
            "only_data": "To look at them or take them elsewhere. Training can go on from there.",
        }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["model"].required = self.fields["name"].required = False
        self.fields["judges"].choices = [(card.name, card.name) for card, at_hand in choosable_cards() if at_hand]  # type: ignore[attr-defined]
        if not self.can_write:
            for name in WRITER_FIELDS:
                del self.fields[name]

    @property
    def can_write(self) -> bool:
        """Whether the settings name a language model."""
        return bool(settings.LLM_ENDPOINT and settings.LLM_MODEL)

    def general_fields(self) -> list[Any]:
        return [field for field in self if field.name not in WRITER_FIELDS]

    def writer_fields(self) -> list[Any]:
        """Return the fields about a language model; none where the settings name none."""
        return [field for field in self if field.name in WRITER_FIELDS]

    def clean_passages_asked(self) -> int:
        return self.cleaned_data["passages_asked"] or 0

    def clean_model(self) -> str:
        name = self.cleaned_data["model"] or indexing.chosen_card().name
        try:
            card, folder = named_retriever(name)
            if card.why_not_trained:
                raise forms.ValidationError(f"{card.why_not_trained} Choose another.")
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
