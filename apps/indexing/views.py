from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.decorators import admin_required
from apps.indexing import ann, certifying, estimating, making, shadowing, switching
from apps.indexing.acts import ACTS, offered
from apps.indexing.curve import draw
from apps.indexing.forms import PlanForm, SearchSettingsForm
from apps.indexing.measured import Measurement
from apps.indexing.models import VectorIndex
from apps.indexing.pace import pace
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest

BATCHES_SHOWN = 20
SEARCHES_SHOWN = 20
_ORDER = ("LIVE", "BUILDING", "PAUSED", "READY", "STANDBY", "RETIRED")


@require_safe
@admin_required
def indexes(request: HttpRequest) -> TemplateResponse:
    """Show a card for each index, the live one first."""
    found = sorted(VectorIndex.objects.all(), key=lambda index: (_ORDER.index(index.status), -index.pk))
    context = {
        "cards": [_card(index) for index in found],
        "standby": VectorIndex.objects.standby(),
        "busy": any(index.status == VectorIndex.Status.BUILDING for index in found),
    }
    return render_page(request, "indexing/list.html", context, partial="indexes")


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def new_index(request: HttpRequest) -> HttpResponseBase:
    """Ask what to build, tell what it will take, and build it when that is confirmed."""
    form = PlanForm(request.POST or request.GET or None)
    context: dict[str, Any] = {"form": form, "query": request.GET.urlencode()}
    if form.is_valid() and form.plan:
        if request.method == "POST":
            index = making.make(form.plan)
            messages.success(request, "It is being built beside the live index. Searches go on as before.")
            return redirect(index)
        rate = estimating.rate_of(form.plan)
        context |= {"plan": form.plan, "revision": form.revision, "rate": rate}
        context |= {"estimate": estimating.estimate(form.plan), "measuring": rate.state == Measurement.WAITING}
    return render_page(request, "indexing/new.html", context, partial="estimate")


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def index(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show all there is to say of an index, and let be changed how it is searched."""
    found = get_object_or_404(VectorIndex, pk=pk)
    form = SearchSettingsForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        try:
            switching.change(found, **form.changes())
        except switching.NotPossible as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "Saved: it holds from the next search on.")
        return redirect(found)
    proof = found.certificate()
    context = {
        **_card(found),
        "alone": True,
        "form": form,
        "proof": proof,
        "measuring": found.certificates.filter(state=Measurement.WAITING).first(),
        "failed_proof": found.certificates.order_by("-pk").filter(state=Measurement.FAILED).first(),
        "curve": draw(proof.curve, chosen=found.ef_search, floor=found.recall_floor) if proof else None,
        "below_floor": certifying.is_below_floor(found),
        "batches": found.batches.all()[:BATCHES_SHOWN],
        "bad_batches": found.batches.bad().count(),
        "has_shadow": found.shadowed.exists(),
    }
    return render_page(request, "indexing/index.html", context, partial="progress")


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def act(request: HttpRequest, pk: int, name: str) -> HttpResponseBase:
    """Do one of ACTS with an index, after its consequence was confirmed where it has one."""
    found = get_object_or_404(VectorIndex, pk=pk)
    wanted = ACTS.get(name)
    if wanted is None or (request.method != "POST" and wanted.consequence is None):
        raise Http404("There is no such page.")
    if request.method == "POST":
        return _do(request, found, name)
    consequence = wanted.consequence(found) if wanted.consequence else ""
    context = {"index": found, "act": wanted, "consequence": consequence}
    return render_page(request, "indexing/confirm.html", context)


@require_POST
@admin_required
def roll_back(request: HttpRequest) -> HttpResponseBase:
    try:
        live = switching.roll_back()
    except switching.NotPossible as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{live.retriever} answers searches again.")
    return redirect("indexes")


@require_safe
@admin_required
def shadow(request: HttpRequest, pk: int) -> TemplateResponse:
    """Compare a candidate with the live index on what people searched for."""
    found = get_object_or_404(VectorIndex, pk=pk)
    live = VectorIndex.objects.live()
    context = {
        "index": found,
        "live": live,
        "comparison": shadowing.compare(found, live) if live else None,
        "searches": shadowing.least_alike(found, live)[:SEARCHES_SHOWN] if live else [],
    }
    return render_page(request, "indexing/shadow.html", context, partial="comparison")


def _do(request: HttpRequest, index: VectorIndex, name: str) -> HttpResponseBase:
    wanted = ACTS[name]
    try:
        wanted.run(index)
    except switching.NotPossible as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, wanted.said)
    return redirect(index if VectorIndex.objects.filter(pk=index.pk).exists() else "indexes")


def _card(index: VectorIndex) -> dict[str, Any]:
    return {
        "index": index,
        "pace": pace(index),
        "sizes": ann.sizes(index),
        "graph_percent": ann.graph_progress(index) if index.is_growing else None,
        "has_graph": ann.has_hnsw(index),
        "acts": offered(index),
        "certificate": index.certificate(),
    }
