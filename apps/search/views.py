from __future__ import annotations

import time
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.corpora.models import Corpus, Passage
from apps.indexing.models import VectorIndex
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest
from apps.search import presenting, services
from apps.search.forms import PAGE_SIZE, SearchForm
from apps.search.outcome import Asked, Outcome
from apps.search.results import as_json

MAX_JSON_HITS = 100


@require_safe
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    """Show the search form and, once something is asked, what was found."""
    corpora = services.readable_corpora(request.user)
    form = SearchForm(request.GET, corpora=corpora)
    asked = form.asked() if form.is_valid() else None
    outcome = services.search(asked, user=request.user) if asked and asked.query else None
    context = {"form": form, "asked": asked, "outcome": outcome, **_around(asked, outcome, corpora=corpora)}
    response = render_page(request, "search/page.html", context, partial="results", status=_status(request, form))
    if asked:
        _keep_state_in_url(request, response, asked)
    return _timed(response, outcome)


@require_safe
@never_cache
def search_json(request: HttpRequest) -> JsonResponse:
    """Answer the page's parameters, and `limit`, with the keys of `manage.py search --json`."""
    form = SearchForm(request.GET, corpora=services.readable_corpora(request.user))
    limit = request.GET.get("limit", str(PAGE_SIZE))
    if not limit.isdecimal() or not 1 <= int(limit) <= MAX_JSON_HITS:
        form.add_error(None, f"limit must be a number from 1 to {MAX_JSON_HITS}.")
    if form.is_valid() and not form.cleaned_data["q"]:
        form.add_error("q", "Say what to search for: q is empty.")
    if not form.is_valid():
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    outcome = services.search(form.asked(of_one_document=None, limit=int(limit)), user=request.user)
    return JsonResponse(as_json(outcome))


def _around(asked: Asked | None, outcome: Outcome | None, *, corpora: list[Corpus]) -> dict[str, Any]:
    """Return what stands around the hits."""
    around: dict[str, Any] = {"corpora": corpora, "filling": presenting.filling(VectorIndex.objects.live(), corpora)}
    if outcome is None or asked is None:
        ids = [corpus.pk for corpus in corpora]
        around["is_empty"] = not Passage.objects.filter(corpus__in=ids).exists()
        around["examples"] = presenting.examples(corpora)
        return around
    names = {corpus.slug: corpus.name for corpus in corpora}
    around["chips"] = list(presenting.chips(asked, names=names))
    around["readings"] = presenting.readings(asked)
    around["as_detected"] = presenting.query_string(asked, without=("intent", str(asked.intent)))
    around["page"] = asked.offset // PAGE_SIZE + 1
    around["has_next"] = outcome.found > asked.offset + PAGE_SIZE
    around["last_rank"] = asked.offset + len(outcome.hits)
    around["here"] = presenting.query_string(asked)
    around["without_filters"] = presenting.query_string(Asked(query=asked.query, intent=asked.intent))
    return around


def _status(request: HttpRequest, form: SearchForm) -> int:
    """Htmx shows what comes with 200 only; its user sees the same words."""
    return 200 if form.is_valid() or request.htmx else 400


def _keep_state_in_url(request: HttpRequest, response: HttpResponse, asked: Asked) -> None:
    """Typing replaces the entry in the browser's history, anything else adds one."""
    if not request.htmx:
        return
    query = presenting.query_string(asked)
    header = "HX-Replace-Url" if request.htmx.trigger_name == "q" else "HX-Push-Url"
    response[header] = f"{request.path}?{query}" if query else request.path


def _timed(response: TemplateResponse, outcome: Outcome | None) -> HttpResponse:
    """Render now, and tell the browser's developer tools where the time went."""
    started = time.perf_counter()
    response.render()
    parts = {**(outcome.timings if outcome else {}), "render": (time.perf_counter() - started) * 1000}
    response["Server-Timing"] = ", ".join(f"{name};dur={ms:.1f}" for name, ms in parts.items())
    return response
