from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from apps.accounts.decorators import analyst_required
from apps.experiments import leaderboard
from apps.experiments.chart import draw
from apps.experiments.forms import LeaderboardForm
from apps.experiments.models import Run
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
        "has_measured": Run.objects.filter(set=form.name).exists(),
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


def _form(request: HttpRequest) -> LeaderboardForm:
    return LeaderboardForm(request.GET, sets=leaderboard.sets())


def _download(form: LeaderboardForm, ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{form.file_name}.{ending}"'}
