"""What people say of searches they keep: a name, with whom to share; a list of queries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from apps.accounts.models import User
from apps.corpora.models import Corpus
from apps.search import links, services
from apps.search.forms import SearchForm
from apps.search.intent import LABELS
from apps.search.lists.reading import MAX_FILE_BYTES, MAX_QUERIES, BadList, Line, read_file, read_lines
from apps.search.models import QueryList, SavedSearch


class SavedSearchForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = SavedSearch
        fields = ["name", "shared_with"]
        labels = {"shared_with": "Share with the members of"}
        help_texts = {"shared_with": "They see it among their saved searches; each finds what they may read."}

    def __init__(self, *args: Any, user: User, asked_for: QueryDict, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.search = SearchForm(asked_for, corpora=services.readable_corpora(user))
        self.fields["name"].initial = self.fields["name"].initial or asked_for.get("q", "")[:120]
        shared_with = self.fields["shared_with"]
        shared_with.queryset = Corpus.objects.filter(members=user)  # type: ignore[attr-defined]
        shared_with.empty_label = "Nobody"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        if self.instance.pk:  # only its name and who sees it change, whatever its owner may read by now
            return self.cleaned_data
        if not self.search.is_valid():
            raise ValidationError([str(error) for errors in self.search.errors.values() for error in errors])
        if not self.search.cleaned_data["q"]:
            raise ValidationError("There is no search to save: say first what to look for.")
        return self.cleaned_data

    def save(self, commit: bool = True) -> SavedSearch:  # noqa: FBT001, FBT002 - Django's signature
        self.instance.owner = self.user
        if not self.instance.pk:
            # Each person's own last look comes with the link to it.
            self.instance.query_string = links.query_string(replace(self.search.asked(), new_since=None))
        kept: SavedSearch = super().save(commit)
        return kept


class QueryListForm(forms.ModelForm):  # type: ignore[type-arg]
    """Lines or a file; the fields of the search page narrow all of its queries."""

    queries = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "true"}),
        help_text=f"One a line, at most {MAX_QUERIES:,}. “FactCheck: The dam has failed.” says how to read a line; "
        "others are read as the search page reads them.",
    )
    file = forms.FileField(
        required=False,
        label="… or a file of them",
        help_text="TXT with one query a line, or CSV with the columns “query” and, if you like, “intent” "
        f"({', '.join(LABELS)}).",
        widget=forms.ClearableFileInput(attrs={"accept": ".txt,.csv,.tsv,text/plain,text/csv"}),
    )
    hits_each = forms.TypedChoiceField(
        label="Hits for each query", coerce=int, choices=[(n, str(n)) for n in (1, 3, 5, 10)], initial=5
    )

    class Meta:
        model = QueryList
        fields = ["name", "queries", "file", "hits_each"]

    lines: list[Line]

    def clean(self) -> dict[str, Any]:
        pasted, file = self.cleaned_data.get("queries"), self.cleaned_data.get("file")
        if bool(pasted) == bool(file):
            raise ValidationError("Paste the queries or choose a file of them: one of the two.")
        if file and file.size > MAX_FILE_BYTES:
            raise ValidationError(f"The file has {file.size:,} bytes, and {MAX_FILE_BYTES:,} is the limit. Split it.")
        try:
            self.lines = read_file(file.read(), name=file.name) if file else read_lines(str(pasted))
        except BadList as failure:
            raise ValidationError(str(failure)) from failure
        return self.cleaned_data
