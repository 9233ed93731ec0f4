from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.decorators import analyst_required
from apps.experiments import comparing, jobs, leaderboard
from apps.experiments.chart import draw
from apps.experiments.evaluation_process import EvaluationFailed
from apps.experiments.forms import LeaderboardForm
from apps.experiments.models import OwnMeasurement
from apps.feedback.models import Judgment
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest


@require_safe
@analyst_required
def quality(request: HttpRequest) -> HttpResponse:
    """Show what is published and what we measured, on one test collection at a time."""
    form = _form(request)
    rows = form.rows()
    context: dict[str, Any] = {
        "form": form,
        "rows": rows,
        "heads": form.heads(),
        "chart": draw(rows),
        "name": form.name,
        "sort": form.sorting,
        "has_measured": any(row.figures == "measured" for row in leaderboard.rows_of(form.name, user=request.user)),
    }
    return render_page(request, "experiments/quality.html", context, partial="leaderboard")


@require_safe
@analyst_required
def as_markdown(request: HttpRequest) -> HttpResponse:
    form = _form(request)
    text = leaderboard.markdown(form.rows(), name=form.name)
    return HttpResponse(text, content_type="text/markdown; charset=utf-8", headers=_download(form, "md"))


@require_safe
@analyst_required
def as_json(request: HttpRequest) -> HttpResponse:
    form = _form(request)
    return JsonResponse(leaderboard.to_json(form.rows(), name=form.name), headers=_download(form, "json"))


@require_safe
@analyst_required
def compare(request: HttpRequest) -> HttpResponse:
    """Show two runs of one collection side by side."""
    form = comparing.CompareForm(request.GET or None, user=request.user)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        try:
            context["comparison"] = comparing.compare(form.cleaned_data["ours"], form.cleaned_data["theirs"])
        except EvaluationFailed:
            form.add_error(None, "The two could not be compared: the server's log says why.")
    status = 400 if form.is_bound and form.errors else 200
    return render_page(request, "experiments/compare.html", context, partial="comparison", status=status)


@require_POST
@analyst_required
def own_start(request: HttpRequest) -> HttpResponse:
    """Have all systems at hand measured on the judgments that the person may read."""
    if not Judgment.objects.readable_by(request.user).exists():
        messages.error(request, "Nothing is judged yet, so there is nothing to measure on.")
        return redirect("judging")
    measurement = OwnMeasurement.objects.create(asked_by=request.user)
    jobs.request_measurements()
    return redirect(measurement)


@require_safe
@analyst_required
@never_cache
def own(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a measurement on one's own judgments is, then what came of it."""
    measurement = get_object_or_404(OwnMeasurement.objects.filter(asked_by=request.user), pk=pk)
    rows = [leaderboard.measured(run) for run in measurement.runs()] if measurement.digest else []
    context = {
        "measurement": measurement,
        "rows": leaderboard.mark_best(rows),
        "columns": leaderboard.COLUMNS,
        "runs": list(measurement.runs()) if measurement.digest else [],
    }
    return render_page(request, "experiments/own.html", context, partial="measurement")


def _form(request: HttpRequest) -> LeaderboardForm:
    return LeaderboardForm(request.GET, user=request.user)


def _download(form: LeaderboardForm, ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{form.file_name}.{ending}"'}
