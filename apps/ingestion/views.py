from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.decorators import analyst_required
from apps.corpora.extraction import ExtractionFailed
from apps.corpora.models import Corpus
from apps.ingestion import attendance, catalogue, findings, services
from apps.ingestion.forms import DocumentFilter, ItemFilter, MappingForm, UploadForm
from apps.ingestion.models import BulkCorrection, Job, JobItem
from apps.ingestion.progress import progress
from apps.ingestion.tables import preview
from apps.ingestion.uploads import SizeLimit
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest

ITEMS_A_PAGE = 50
DOCUMENTS_A_PAGE = 50
JOBS_A_PAGE = 30
PREVIEW_ROWS = 8


@require_safe
def corpus(request: HttpRequest, slug: str) -> TemplateResponse:
    """Show a corpus: its documents and, to those who may fill it, its uploads."""
    found = get_object_or_404(Corpus.objects.readable_by(request.user).with_sizes(), slug=slug)
    may_write = Corpus.objects.writable_by(request.user).filter(pk=found.pk).exists()
    form = DocumentFilter(request.GET)
    documents = Paginator(catalogue.documents(found, form), DOCUMENTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "corpus": found,
        "form": form,
        "documents": catalogue.with_states(documents),
        "may_write": may_write,
        "upload_form": UploadForm(corpus=found, user=request.user) if may_write else None,
        "jobs": found.jobs.with_counts().select_related("created_by")[:5] if may_write else [],
        "corrections": found.bulk_corrections.exclude(state=BulkCorrection.State.DONE) if may_write else [],
        "max_bytes": settings.UPLOAD_MAX_BYTES,
    }
    return render_page(request, "ingestion/corpus.html", context, partial="documents")


@csrf_exempt  # checked inside: the limit on size must be in place before the body is read
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, slug: str) -> HttpResponseBase:
    limit = SizeLimit(request)
    request.upload_handlers.insert(0, limit)
    return _upload(request, slug, limit)


@csrf_protect
def _upload(request: HttpRequest, slug: str, limit: SizeLimit) -> HttpResponseBase:
    found = get_object_or_404(Corpus.objects.writable_by(request.user), slug=slug)
    if request.method != "POST":
        return redirect(found)
    form = UploadForm(request.POST, request.FILES, corpus=found, user=request.user)
    if not form.is_valid():
        return _refuse_upload(request, found, form=form, limit=limit)
    job = form.cleaned_data["job"] or services.open_job(found, user=request.user)
    for name, file in form.named_files():
        services.accept(job, file, name=name, kind=form.cleaned_data["kind"])
    if _wants_json(request):
        return JsonResponse({"job": job.pk, "url": job.get_absolute_url()}, status=201)
    if limit.refused:
        messages.error(request, _too_large(limit))
    return redirect(job)


@require_safe
@analyst_required
def jobs(request: HttpRequest) -> TemplateResponse:
    """List the uploads into the corpora a person may fill, newest first."""
    found = Job.objects.visible_to(request.user).with_counts().select_related("corpus", "created_by")
    page = Paginator(found, JOBS_A_PAGE).get_page(request.GET.get("page"))
    return render_page(request, "ingestion/jobs.html", {"jobs": page})


@require_safe
def job(request: HttpRequest, pk: int) -> TemplateResponse:
    """Show how far an upload is; the page asks again by itself while it runs."""
    found = _visible_job(request, pk)
    show = ItemFilter(request.GET)
    items = show.apply(found.items.bad_first().select_related("source", "job"))
    page = Paginator(items, ITEMS_A_PAGE).get_page(request.GET.get("page"))
    seen = progress(found)
    done = {item.source_id for item in page.object_list if item.state == JobItem.State.DONE}
    found_in = findings.of_sources(done, corpus_id=found.corpus_id)
    for item in page.object_list:
        item.embedded = seen.embedded_of(item)  # type: ignore[attr-defined]
        item.found = found_in.get(item.source_id)  # type: ignore[attr-defined]
    context = {
        "job": found,
        "progress": seen,
        "page": page,
        "filters": ItemFilter.SHOWN,
        "show": request.GET.get("show", ""),
        "missing": attendance.missing(seen),
        "query": request.GET.urlencode(),
    }
    return render_page(request, "ingestion/job.html", context, partial="job")


@require_POST
def job_retry(request: HttpRequest, pk: int) -> HttpResponseBase:
    found = _visible_job(request, pk)
    count = services.retry_all_failed(found)
    messages.info(request, f"{count:,} files will be read again." if count else "No file of this upload has failed.")
    return redirect(found)


@require_POST
def job_cancel(request: HttpRequest, pk: int) -> HttpResponseBase:
    found = _visible_job(request, pk)
    count = services.cancel(found)
    messages.info(request, f"{count:,} files will not be read. What came in before stays.")
    return redirect(found)


@require_POST
def item_retry(request: HttpRequest, pk: int) -> HttpResponseBase:
    item = _visible_item(request, pk)
    services.retry([item.pk])
    return redirect(item.job)


@require_http_methods(["GET", "HEAD", "POST"])
def item_mapping(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show which column of a table was taken for what, beside its first rows, and let it be corrected."""
    item = _visible_item(request, pk)
    if item.mapping is None:
        raise Http404("This file is no table.")
    try:
        table = preview(item, rows=PREVIEW_ROWS)
    except ExtractionFailed as failure:
        messages.error(request, f"“{item.name}” cannot be shown as a table. {failure}")
        return redirect(item.job)
    form = MappingForm(request.POST or None, columns=table.columns, initial=item.mapping)
    if not item.is_open and form.is_valid():
        services.correct_mapping(item, form.mapping())
        messages.info(request, f"“{item.name}” is read again with these columns.")
        return redirect(item.job)
    return render_page(request, "ingestion/mapping.html", {"item": item, "form": form, "table": table})


def _refuse_upload(request: HttpRequest, corpus: Corpus, *, form: UploadForm, limit: SizeLimit) -> HttpResponseBase:
    status = 413 if limit.refused else 400
    reason = (
        _too_large(limit)
        if limit.refused
        else " ".join(str(error) for errors in form.errors.values() for error in errors)
    )
    if _wants_json(request):
        return JsonResponse({"error": reason}, status=status)
    messages.error(request, reason)
    return redirect(corpus)


def _too_large(limit: SizeLimit) -> str:
    size = settings.UPLOAD_MAX_BYTES // 2**20
    names = ", ".join(f"“{name}”" for name in limit.refused[:5])
    return f"{names}: larger than {size} MB, so not taken. Split it and upload the parts."


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "") == "application/json"


def _visible_job(request: HttpRequest, pk: int) -> Job:
    jobs: QuerySet[Job] = Job.objects.visible_to(request.user).select_related("corpus", "created_by")
    return get_object_or_404(jobs, pk=pk)


def _visible_item(request: HttpRequest, pk: int) -> JobItem:
    items = JobItem.objects.visible_to(request.user).select_related("job__corpus", "source")
    return get_object_or_404(items, pk=pk)
