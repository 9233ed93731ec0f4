from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.corpora.models import Corpus, Passage
from apps.indexing.models import VectorIndex
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest
from apps.retrievers.intents import Intent
from apps.search import answering, forms, links, overview, presenting, saved, services, similar, suggesting, wording
from apps.search.encoding import EncoderUnavailable
from apps.search.facts import names_of
from apps.search.forms import MAX_PAGES, PAGE_SIZE, MarksForm, SearchForm
from apps.search.misses import nearest_misses
from apps.search.outcome import Asked, Outcome
from apps.search.results import as_json

MAX_JSON_HITS = 100


@require_safe
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    """Show the search form and, once something is asked, what was found."""
    corpora = services.readable_corpora(request.user)
    form = SearchForm.of_link(request.GET, corpora=corpora)
    asked = form.asked() if form.is_valid() else None
    outcome = services.search(asked, user=request.user, corpora=corpora) if asked and asked.query else None
    context = {
        "form": form,
        "asked": asked,
        "new": _new(outcome),
        "outcome": outcome,
        "corpora": corpora,
        "filling": presenting.filling(corpora),
    }
    if asked and outcome:
        context |= _around(asked, outcome, corpora=corpora, user=request.user)
    else:
        context |= _before(corpora)
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
    if not limit.isdecimal() or len(limit) > 9 or not 1 <= int(limit) <= MAX_JSON_HITS:
        form.add_error(None, f"limit must be a number from 1 to {MAX_JSON_HITS}.")
    if form.is_valid() and not form.cleaned_data["q"]:
        form.add_error("q", "Say what to search for: q is empty.")
    if not form.is_valid():
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    outcome = services.search(form.asked(of_one_document=None, limit=int(limit)), user=request.user)
    return JsonResponse(as_json(outcome))


@require_safe
@never_cache
def suggest(request: HttpRequest) -> HttpResponse:
    """Give htmx a few ways to go on with what is being typed."""
    corpora = {corpus.pk for corpus in services.readable_corpora(request.user)}
    suggestions = suggesting.complete(request.GET.get("q", "")[: forms.MAX_QUERY], corpora=corpora)
    return render_page(request, "search/suggestions.html", {"suggestions": suggestions})


@require_safe
@never_cache
def marks(request: HttpRequest) -> HttpResponse:
    """Mark the sentences nearest in meaning to the query, in hits that are on the page already."""
    form = MarksForm(request.GET)
    index = VectorIndex.objects.live()
    if index is None or not form.is_valid():
        return HttpResponse(status=204)
    passages = Passage.objects.readable_by(request.user).filter(pk__in=form.cleaned_data["passage"])
    text = wording.read(form.cleaned_data["q"]).text
    try:
        excerpts = answering.excerpts(
            text, Intent(form.cleaned_data["intent"]), dict(passages.values_list("pk", "text")), index=index
        )
    except EncoderUnavailable:
        return HttpResponse(status=204)  # those by words stay
    return render_page(request, "search/marks.html", {"excerpts": excerpts})


@require_safe
@never_cache
def passage_like(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the passages that are near in meaning to one."""
    passages = Passage.objects.readable_by(request.user).select_related("document", "corpus").defer("words")
    passage = get_object_or_404(passages, pk=pk)
    context = {"passage": passage, "hits": similar.like(passage, user=request.user)}
    return render_page(request, "search/like.html", context)


def _before(corpora: list[Corpus]) -> dict[str, Any]:
    """Return what is shown before anything is asked."""
    ids = [corpus.pk for corpus in corpora]
    return {
        "is_empty": not Passage.objects.filter(corpus__in=ids).exists(),
        "examples": presenting.examples(corpora),
    }


def _around(asked: Asked, outcome: Outcome, *, corpora: list[Corpus], user: User) -> dict[str, Any]:
    """Return what stands around the hits."""
    chips = list(presenting.chips(asked, names=names_of(corpora)))
    return {
        "chips": chips,
        "readings": presenting.readings(asked),
        "as_detected": links.query_string(replace(asked, intent=None)),
        "page": _page(asked),
        "has_next": outcome.found > asked.offset + PAGE_SIZE,
        "is_last_page": _page(asked) == MAX_PAGES,
        "last_rank": asked.offset + len(outcome.hits),
        "here": links.query_string(asked),
        "without_filters": links.query_string(links.without_filters(asked)),
        "choices": list(overview.choices(outcome)),
        "strip": overview.strip(outcome.timeline, asked),
        "map": overview.map_of(outcome.points, asked),
        "did_you_mean": links.query_string(replace(asked, query=outcome.did_you_mean)),
        "misses": list(nearest_misses(outcome, chips, user=user)) if not outcome.found else [],
    }


def _page(asked: Asked) -> int:
    return asked.offset // PAGE_SIZE + 1


def _new(outcome: Outcome | None) -> set[int]:
    """Return the documents shown that came in since the person last looked at this saved search."""
    if outcome is None or outcome.asked.new_since is None:
        return set()
    return saved.new_among({hit.document_id for hit in outcome.hits}, since=outcome.asked.new_since)


def _status(request: HttpRequest, form: SearchForm) -> int:
    """Htmx shows what comes with 200 only; its user sees the same words."""
    return 200 if form.is_valid() or request.htmx else 400


def _keep_state_in_url(request: HttpRequest, response: HttpResponse, asked: Asked) -> None:
    """Typing replaces the entry in the browser's history, anything else adds one."""
    if not request.htmx:
        return
    query = links.query_string(asked) + (f"&page={_page(asked)}" if asked.query and asked.offset else "")
    header = "HX-Replace-Url" if request.htmx.trigger_name == "q" else "HX-Push-Url"
    response[header] = f"{request.path}?{query}" if query else request.path


def _timed(response: TemplateResponse, outcome: Outcome | None) -> HttpResponse:
    """Render now, and tell the browser's developer tools where the time went."""
    started = time.perf_counter()
    response.render()
    parts = {**(outcome.timings if outcome else {}), "render": (time.perf_counter() - started) * 1000}
    told = [f"{name};dur={ms:.1f}" for name, ms in parts.items()]
    if outcome:
        told.append(f'mode;desc="{outcome.mode}"')  # counted as a metric, as the stages are
    response["Server-Timing"] = ", ".join(told)
    return response
