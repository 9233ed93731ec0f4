from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.corpora.extraction import Mapping
from apps.corpora.models import Corpus, Kind
from apps.ingestion.models import Job, JobItem


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files in one field; an empty one is taken too, so that its job says what is wrong with it."""

    widget = ManyFiles

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[bytes]]:
        clean_one = super().clean
        return [clean_one(each, initial) for each in data or [None]]


class UploadForm(forms.Form):
    files = ManyFilesField(label="Files")  # type: ignore[assignment]  # Django keeps fields and files apart
    kind = forms.ChoiceField(label="What they are", choices=Kind.choices, required=False)
    job = forms.ModelChoiceField(Job.objects.none(), required=False, widget=forms.HiddenInput)
    # The folders a file lay in: browsers send its bare name only.
    paths = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, corpus: Corpus, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["job"].queryset = Job.objects.filter(corpus=corpus, created_by=user)  # type: ignore[attr-defined]
        self.fields["kind"].initial = corpus.kind

    def named_files(self) -> list[tuple[str, UploadedFile[bytes]]]:
        """Return each file with its name, folders before it where they are known."""
        files: list[UploadedFile[bytes]] = self.cleaned_data["files"]
        paths = self.data.getlist("paths") if hasattr(self.data, "getlist") else []
        if len(paths) != len(files):
            return [(file.name or "", file) for file in files]
        return [(path or file.name or "", file) for path, file in zip(paths, files, strict=True)]


class ItemFilter(forms.Form):
    """Which items of a job are shown."""

    SHOWN = {
        "": "All",
        "bad": "Failed",
        "open": "Not finished",
        "done": "Done",
    }
    show = forms.ChoiceField(choices=list(SHOWN.items()), required=False)

    def apply(self, items: QuerySet[JobItem]) -> QuerySet[JobItem]:
        show = self.cleaned_data.get("show", "") if self.is_valid() else ""
        states = {"bad": JobItem.BAD, "open": JobItem.OPEN, "done": (JobItem.State.DONE,)}.get(show)
        return items.filter(state__in=states) if states else items


class DocumentFilter(forms.Form):
    STATES = {
        "": "Any state",
        "ready": "Found by meaning",
        "owed": "Found by words so far",
        "set_aside": "Found by words only",
    }

    q = forms.CharField(label="Title has", required=False, max_length=200, strip=True)
    state = forms.ChoiceField(choices=list(STATES.items()), required=False)


class MappingForm(forms.Form):
    """Which column of a table means what."""

    def __init__(self, *args: Any, columns: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(column, column) for column in columns]
        self.fields["text"] = forms.MultipleChoiceField(
            label="Text",
            choices=named,
            required=False,
            widget=forms.CheckboxSelectMultiple,
            help_text="What is searched. Several columns are joined; none means the whole row.",
        )
        for name, label in _SINGLE.items():
            self.fields[name] = forms.ChoiceField(label=label, choices=[("", "– none –"), *named], required=False)

    def mapping(self) -> dict[str, Any]:
        return Mapping.from_dict(self.cleaned_data).to_dict()


_SINGLE = {
    "title": "Title",
    "date": "Date",
    "author": "Author",
    "id": "Row's own id",
    "url": "Web address",
    "language": "Language",
}
