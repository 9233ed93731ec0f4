from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import slugify

from apps.accounts.models import User
from apps.corpora.models import Corpus

# Addresses below /corpora/ that are pages of their own.
_TAKEN = {"new"}


class CorpusForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Corpus
        fields = ["name", "description", "kind", "private", "members"]
        widgets = {
            "description": forms.Textarea(attrs={"rows": 3}),
            "members": forms.CheckboxSelectMultiple,
        }
        labels = {"private": "Private: only members find it", "kind": "What its documents are"}
        help_texts = {
            "kind": "A sign of what a question is after. A file can be given another kind when it is uploaded.",
            "private": "",
            "members": "Members find a private corpus. Those who are analysts also add files and change the corpus.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True).order_by("username")
        self.fields["members"].queryset = people  # type: ignore[attr-defined]

    def create(self, user: User) -> Corpus:
        """Save a new corpus that `user` belongs to, under an address made of its name."""
        corpus = self.save(commit=False)
        corpus.slug = free_slug(corpus.name)
        corpus.created_by = user
        corpus.save()
        self.save_m2m()
        corpus.members.add(user)
        return corpus


def free_slug(name: str) -> str:
    base = slugify(name)[:50].strip("-") or "corpus"
    taken = set(Corpus.objects.filter(slug__startswith=base).values_list("slug", flat=True)) | _TAKEN
    candidates = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
    return next(slug for slug in candidates if slug not in taken)


class ConfirmByName(forms.Form):
    """What cannot be undone is confirmed by typing the name of what goes."""

    name = forms.CharField(label="Type the name of the corpus")

    def __init__(self, *args: Any, corpus: Corpus, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.corpus = corpus
        self.fields["name"].help_text = f"To confirm, type: {corpus.name}"

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name.strip() != self.corpus.name:
            raise forms.ValidationError("This is not the name of the corpus. Nothing was deleted.")
        return name
