"""The form that says something of all documents of a corpus, or of one upload, in one go."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.corpora.correction_forms import CorrectionForm
from apps.corpora.models import Corpus, DocumentQuerySet
from apps.ingestion.models import Job, documents_of


class BulkCorrectionForm(CorrectionForm):
    """The same for many documents: what is left empty stays as it is."""

    upload = forms.ModelChoiceField(
        queryset=Job.objects.none(), required=False, label="Of which upload", empty_label="All documents of the corpus"
    )
    field_order = ["upload"]

    def __init__(self, *args: Any, corpus: Corpus, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.corpus = corpus
        self.fields["upload"].queryset = corpus.jobs.order_by("-created_at")  # type: ignore[attr-defined]
        self.fields["upload"].label_from_instance = _name_of_upload  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors and not set(self.changed_data) - {"upload"}:
            raise forms.ValidationError("Nothing is filled in, so there is nothing to set.")
        if self.cleaned_data.get("latitude") is not None and not self.cleaned_data.get("places"):
            self.add_error(
                "places", "Name the place of this point: it takes the place of those that the documents have."
            )
        return self.cleaned_data

    def documents(self) -> DocumentQuerySet:
        return documents_of(self.corpus, self.cleaned_data["upload"])


def _name_of_upload(job: Job) -> str:
    by = f" by {job.created_by.username}" if job.created_by else ""
    return f"{job.created_at:%d %b %Y %H:%M}Z{by}"
