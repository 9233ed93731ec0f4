"""Pages on which what is said of documents is set right, and undone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.corpora import corrections, describing
from apps.corpora.correction_forms import CorrectionForm
from apps.corpora.models import Corpus, Correction, Document
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest

COPIES_A_PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
def document_correct(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Set right hazard, place, event, date, language or source of a document."""
    writable = Corpus.objects.writable_by(request.user)
    document = get_object_or_404(Document.objects.select_related("corpus").filter(corpus__in=writable), pk=pk)
    form = CorrectionForm.of(document, request.POST or None)
    context: dict[str, Any] = {"document": document, "form": form, "may_correct": True}
    if form.is_valid():
        act = corrections.correct(Document.objects.filter(pk=document.pk), form.values(), by=request.user)
        document.refresh_from_db()
        changed = Correction.objects.filter(act=act).exists()
        context |= {"form": None, "act": act if changed else None, "lines": describing.lines(document)}
    return render_page(
        request, "corpora/correct.html", context, partial="described", status=422 if form.errors else 200
    )


@require_POST
def correction_undo(request: HttpRequest, act: UUID) -> HttpResponseBase:
    """Take back what was set in one go, where nobody has set it anew since."""
    writable = Corpus.objects.writable_by(request.user)
    made = Correction.objects.filter(act=act, corpus__in=writable).order_by("pk")
    if not made.exists():
        messages.info(request, "There is nothing left of this to undo.")
    else:
        count = corrections.undo(made)
        messages.success(request, f"Undone for {count:,} document{'' if count == 1 else 's'}.")
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if is_ours else "corpora")


@require_safe
def document_copies(request: HttpRequest, pk: int) -> TemplateResponse:
    """List the documents that say the same, as far as a person may read them."""
    document = get_object_or_404(Document.objects.readable_by(request.user).select_related("corpus"), pk=pk)
    copies = Paginator(describing.copies_of(document, request.user), COPIES_A_PAGE)
    context = {"document": document, "copies": copies.get_page(request.GET.get("page"))}
    return render_page(request, "corpora/copies.html", context, partial="copies")
