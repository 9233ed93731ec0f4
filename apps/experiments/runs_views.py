from __future__ import annotations

import re
import tempfile
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.decorators import admin_required
from apps.corpora.models import Corpus
from apps.experiments import refined, runs_process, writing_cost
from apps.experiments.models import Adaptation
from apps.experiments.runs import RunGone
from apps.experiments.runs_forms import StartForm
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest

_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
_SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def runs(request: HttpRequest) -> HttpResponse:
    """List the runs, the newest first, and take an order for another one."""
    form = StartForm(request.POST or None, initial={"corpus": request.GET.get("corpus"), "with_judgments": True})
    if request.method == "POST" and form.is_valid():
        form.instance.created_by = request.user
        try:
            with transaction.atomic():
                return redirect(form.save())
        except IntegrityError:  # somebody else took the name in this very moment
            form.add_error("name", "That name was just taken. Choose another one.")
    found = Adaptation.objects.select_related("corpus", "created_by")[:_SHOWN]
    context = {
        "form": form,
        "runs": found,
        "any_open": Adaptation.objects.open().exists(),
        "llm": settings.LLM_MODEL,
        "has_corpora": Corpus.objects.exists(),
    }
    status = 400 if form.is_bound else 200
    return render_page(request, "experiments/runs.html", context, partial="runs", status=status)


@require_safe
@admin_required
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a run is, what it said last, its curve, and the comparison once there is one."""
    found = get_object_or_404(Adaptation.objects.select_related("corpus", "created_by"), pk=pk)
    context = {
        "run": found,
        "progress": runs_process.progress(found) if found.is_open else {},
        "log": runs_process.log_tail(found),
        "curve": _inline(runs_process.curve(found)),
        "parts": refined.parts(found.out),
        "has_data": bool(refined.training_files(found.out)),
    }
    return render_page(request, "experiments/run.html", context, partial="run")


@require_POST
@admin_required
def estimate(request: HttpRequest) -> HttpResponse:
    """Say what the language model would be asked for by the form as it is filled in."""
    form = StartForm(request.POST)
    form.is_valid()  # what is wrong with other fields is said when the run is started
    corpus, passages = form.cleaned_data.get("corpus"), form.cleaned_data.get("passages_asked")
    told = "Choose a corpus and say of how many passages it should write."
    if corpus and passages:
        try:
            told = writing_cost.estimate(corpus, passages=passages, intents=form.cleaned_data.get("intents") or ())
        except writing_cost.NoEstimate as reason:
            told = str(reason)
    return render(request, "experiments/run_estimate.html", {"told": told})


@require_safe
@admin_required
def data(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Hand out what the refinement made: training files, what was dropped and why, reports."""
    found = get_object_or_404(Adaptation, pk=pk)
    if not refined.training_files(found.out):
        raise Http404("This run has no training files yet.")
    archive = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    refined.write_archive(found.out, archive)
    archive.seek(0)
    return FileResponse(archive, as_attachment=True, filename=f"{found.name}-training-data.zip")


@require_POST
@admin_required
def train(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a run that stopped at its data go on to a model."""
    return _act(request, pk, Adaptation.train, said="It waits for its turn and trains on these data.")


@require_POST
@admin_required
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    said = "It stops within seconds. What is done is kept: retry goes on from there."
    return _act(request, pk, Adaptation.cancel, said=said)


@require_POST
@admin_required
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    return _act(request, pk, Adaptation.retry, said="It waits for its turn and goes on where it was.")


def _act(request: HttpRequest, pk: int, act: Callable[[Adaptation], None], *, said: str) -> HttpResponse:
    """Do `act` with a run and tell what came of it on its page."""
    found = get_object_or_404(Adaptation, pk=pk)
    try:
        with transaction.atomic():
            act(found)
    except RunGone as gone:
        messages.error(request, str(gone))
    except IntegrityError:
        messages.error(request, f"Another run makes a model called {found.name}. Start a new run with another name.")
    else:
        messages.success(request, said)
    return redirect(found)


def _inline(picture: str) -> SafeString:
    """Return the trainer's SVG for the page, whose own style sheet dresses it."""
    return mark_safe(_STYLE.sub("", picture))  # noqa: S308 - written by our own trainer, from numbers
