"""Saying something of all documents of a corpus, or of one upload: at once where they are few, else by a worker."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.corpora import corrections
from apps.corpora.models import Corpus, Correction
from apps.ingestion import attendance, correcting
from apps.ingestion.correcting_forms import BulkCorrectionForm
from apps.ingestion.models import BulkCorrection
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest

LAST = 5


@require_http_methods(["GET", "HEAD", "POST"])
def corpus_correct(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Say something of all documents of a corpus, or of one upload: their event, their place."""
    corpus = get_object_or_404(Corpus.objects.writable_by(request.user), slug=slug)
    form = BulkCorrectionForm(request.POST or None, corpus=corpus)
    context: dict[str, Any] = {"corpus": corpus, "form": form}
    if form.is_valid():
        documents = form.documents()
        if documents[: correcting.AT_ONCE + 1].count() > correcting.AT_ONCE:
            upload = form.cleaned_data["upload"]
            return redirect(correcting.ask(corpus, form.values(), upload=upload, by=request.user))
        act = corrections.correct(documents, form.values(), by=request.user)
        made = Correction.objects.filter(act=act)
        context |= {"act": act, "changed": made.values("fingerprint").distinct().count()}
    context["last"] = corpus.bulk_corrections.select_related("by")[:LAST]
    return render_page(request, "ingestion/correct_many.html", context, status=422 if form.errors else 200)


@require_safe
@never_cache
def bulk_correction(request: HttpRequest, pk: int) -> TemplateResponse:
    """Show how far a correction of many documents is; the page asks again by itself while a worker is at it."""
    bulk = _visible(request, pk)
    context = {"bulk": bulk, "missing": attendance.missing_for_corrections() if bulk.is_open else ""}
    return render_page(request, "ingestion/bulk_correction.html", context, partial="bulk-correction")


@require_POST
def bulk_correction_retry(request: HttpRequest, pk: int) -> HttpResponseBase:
    bulk = _visible(request, pk)
    correcting.ask_again(bulk)
    return redirect(bulk)


@require_POST
def bulk_correction_undo(request: HttpRequest, pk: int) -> HttpResponseBase:
    bulk = _visible(request, pk)
    correcting.take_back(bulk)
    return redirect(bulk)


def _visible(request: HttpRequest, pk: int) -> BulkCorrection:
    visible = BulkCorrection.objects.visible_to(request.user).select_related("corpus", "upload", "by")
    return get_object_or_404(visible, pk=pk)
