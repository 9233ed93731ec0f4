"""The hits on screen, to be taken away: as files, and as a page to be printed."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.pages.render import render_page
from apps.pages.requests import HttpRequest
from apps.search import exporting, links, presenting, services
from apps.search.exporting import FORMATS, Taken, taken
from apps.search.facts import names_of
from apps.search.forms import SearchForm


@require_safe
@never_cache
def export(request: HttpRequest) -> HttpResponse:
    """Hand out what the search page shows for the same parameters, or all of it with `extent=all`."""
    form = _form(request)
    chosen = FORMATS.get(request.GET.get("format", ""))
    if chosen is None:
        form.add_error(None, f"format must be one of {', '.join(FORMATS)}.")
    if not form.is_valid() or chosen is None:
        return render_page(request, "search/not_taken.html", {"form": form}, status=400)
    found = _taken(request, form)
    response = HttpResponse(chosen.write(found), content_type=chosen.media_type)
    name = exporting.file_name(found.query, found.at, request.GET["format"])
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
@never_cache
def print_view(request: HttpRequest) -> HttpResponse:
    """Show the hits with their whole passages and citations, to be printed."""
    form = _form(request)
    if not form.is_valid():
        return render_page(request, "search/not_taken.html", {"form": form}, status=400)
    context = {"taken": _taken(request, form), "back": links.query_string(form.asked())}
    return render_page(request, "search/print.html", context)


def _form(request: HttpRequest) -> SearchForm:
    form = SearchForm(request.GET, corpora=services.readable_corpora(request.user))
    if form.is_valid() and not form.cleaned_data["q"]:
        form.add_error("q", "Say what to search for: q is empty.")
    return form


def _taken(request: HttpRequest, form: SearchForm) -> Taken:
    asked = form.asked()
    if request.GET.get("extent") == "all":
        asked = links.all_of(asked, at_most=exporting.AT_MOST)
    outcome = services.search(asked, user=request.user)
    names = names_of(services.readable_corpora(request.user))
    return taken(
        outcome,
        filters=[chip.label for chip in presenting.chips(asked, names=names)],
        url=request.build_absolute_uri(f"/?{links.query_string(form.asked())}"),
        absolute=request.build_absolute_uri,
        at=timezone.now(),
    )
