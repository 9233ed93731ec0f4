from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.decorators import analyst_required
from apps.corpora.models import Corpus, Passage
from apps.feedback import overview
from apps.feedback.collection import JudgedCollection, collect
from apps.feedback.exporting import FORMATS, zip_folder
from apps.feedback.forms import ExportForm, GradeForm, JudgmentForm, PoolForm
from apps.feedback.grading import grades_of
from apps.feedback.models import Grade, Judgment, Pool, PoolItem, Query
from apps.feedback.pooling import NotPooled, make_pool
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest
from apps.retrievers.intents import Intent

# Beyond this an export is work for `manage.py export_judgments`, not for a web thread.
MAX_EXPORTED = 200_000
# Of a number that the database can look for.
MAX_DIGITS = 18


@require_POST
@analyst_required
def judge(request: HttpRequest) -> HttpResponse:
    """Take a grade given on a result; htmx gets the result's grade buttons back, others their page."""
    form = JudgmentForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest("A judgment needs its query, intent and passage, and a grade from 0 to 3.")
    asked = form.cleaned_data
    passage = get_object_or_404(Passage.objects.readable_by(request.user), pk=asked["passage"])
    query = Query.objects.of(asked["q"], Intent(asked["intent"]))
    before = Judgment.objects.record(request.user, query, passage=passage, grade=asked["grade"])
    if request.htmx:
        shown = grades_of(passage.pk, query.text, intent=query.intent, grade=asked["grade"])
        return render_page(request, "feedback/grades.html", shown | {"before": before, "is_new": True})
    return redirect(f"{_page_before(request, query)}#hit-{passage.pk}")


def _page_before(request: HttpRequest, query: Query) -> str:
    referrer = request.headers.get("Referer", "").partition("#")[0]
    if url_has_allowed_host_and_scheme(referrer, {request.get_host()}, require_https=request.is_secure()):
        return referrer
    return f"{reverse('search')}?{urlencode({'q': query.text, 'intent': query.intent})}"


@require_safe
@analyst_required
@never_cache
def judging(request: HttpRequest) -> TemplateResponse:
    """Show the pools, what is judged by intent, and how well judges agree."""
    judgments = Judgment.objects.readable_by(request.user)
    context = {
        "pools": overview.pool_rows(request.user),
        "intents": overview.by_intent(judgments),
        "agreement": overview.agreement(judgments),
        "form": ExportForm(),
    }
    return render_page(request, "feedback/judging.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@analyst_required
def pool_new(request: HttpRequest) -> HttpResponseBase:
    form = PoolForm(request.POST or None, corpora=list(Corpus.objects.readable_by(request.user)))
    if form.is_valid():
        try:
            return redirect(make_pool(form.plan(), user=request.user))
        except NotPooled as failure:
            form.add_error(None, str(failure))
    return render_page(request, "feedback/pool_new.html", {"form": form}, status=422 if form.errors else 200)


# -- Judging a pool ----------------------------------------------------------------------------


@require_safe
@analyst_required
@never_cache
def pool(request: HttpRequest, pk: int) -> TemplateResponse:
    """Show the next passage to be judged, or the `item` asked for; never whose it is, nor its rank."""
    found = get_object_or_404(Pool.objects.visible_to(request.user), pk=pk)
    after = _item(request, found, request.GET.get("after"))
    item = _item(request, found, request.GET.get("item"))
    if item is None:
        item = found.next_for(request.user, after=after.position if after else -1)
    return _show(request, found, item, judged=_item(request, found, request.GET.get("judged")))


@require_POST
@analyst_required
def pool_judge(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a grade and go on to the next passage; a grade withdrawn goes back to its passage."""
    found = get_object_or_404(Pool.objects.visible_to(request.user), pk=pk)
    item = _item(request, found, request.POST.get("item"))
    if item is None:
        raise Http404("There is no such passage in this pool.")
    form = GradeForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest("A judgment needs a grade from 0 to 3, and at most 500 characters of note.")
    grade, note = form.cleaned_data["grade"], form.cleaned_data["note"]
    Judgment.objects.record(request.user, item.query, passage=item.passage, grade=grade, note=note)
    if not request.htmx:
        onward = {"item": item.pk} if grade is None else {"after": item.pk, "judged": item.pk}
        return redirect(f"{found.get_absolute_url()}?{urlencode(onward)}")
    judged = _item(request, found, str(item.pk))
    if grade is None:
        return _show(request, found, judged, judged=None)
    return _show(request, found, found.next_for(request.user, after=item.position), judged=judged)


@require_http_methods(["GET", "HEAD", "POST"])
@analyst_required
def pool_delete(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask, then delete a pool; what was judged in it stays."""
    own = Pool.objects.all() if request.user.is_admin else Pool.objects.filter(created_by=request.user)
    found = get_object_or_404(own, pk=pk)
    if request.method == "POST":
        found.delete()
        messages.success(request, f"The pool “{found.name}” is deleted. The judgments made in it are kept.")
        return redirect("judging")
    return render_page(request, "feedback/pool_delete.html", {"pool": found})


def _item(request: HttpRequest, pool: Pool, pk: str | None) -> PoolItem | None:
    """Return the pool's item of this number, if the person may read its passage."""
    if not pk or not pk.isdecimal() or len(pk) > MAX_DIGITS:
        return None
    return pool.items_for(request.user).with_texts().filter(pk=pk).first()


def _show(request: HttpRequest, pool: Pool, item: PoolItem | None, *, judged: PoolItem | None) -> TemplateResponse:
    items = pool.items_for(request.user)
    context = {
        "pool": pool,
        "item": item,
        "judged": judged,
        "progress": items.progress(),
        "of_query": items.filter(query=item.query).progress() if item else None,
        "before": items.filter(position__lt=item.position).last() if item else None,
        "grades": Grade.choices,
        "may_delete": request.user.is_admin or pool.created_by_id == request.user.pk,
    }
    return render_page(request, "feedback/pool.html", context, partial="judging")


# -- Export --------------------------------------------------------------------------------------


@require_safe
@analyst_required
@never_cache
def export(request: HttpRequest) -> HttpResponseBase:
    """Hand out the judgments of passages that the person may read, as a zipped test collection."""
    form = ExportForm(request.GET)
    if not form.is_valid():
        return _refused(request, "Choose a format, how to combine judges, and which passages to take.")
    judgments = Judgment.objects.readable_by(request.user)
    collection = collect(judgments, combine=form.cleaned_data["combine"], extent=form.cleaned_data["extent"])
    if not collection.qrels:
        return _refused(request, "Nothing is judged yet, so there is nothing to export.")
    if collection.passages.count() > MAX_EXPORTED:
        return _refused(
            request,
            f"That is more than {MAX_EXPORTED:,} passages. Take the judged ones only, or ask an admin to run "
            "`manage.py export_judgments`.",
        )
    name = form.cleaned_data["format"]
    return FileResponse(_zipped(collection, name), as_attachment=True, filename=f"judgments-{name}.zip")


def _refused(request: HttpRequest, why: str) -> HttpResponse:
    messages.error(request, why)
    return redirect("judging")


def _zipped(collection: JudgedCollection, name: str) -> BinaryIO:
    """Return an open file that is gone once it is closed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, target = Path(scratch, "collection"), Path(scratch, "collection.zip")
        FORMATS[name](collection, folder)
        zip_folder(folder, target)
        return target.open("rb")  # POSIX keeps an open file readable after its name is gone
