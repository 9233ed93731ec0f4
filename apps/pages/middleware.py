"""What happens around every page."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers

from apps.pages.outages import outage

RETRY_AFTER_S = 5


@receiver(got_request_exception)
def _note_outage(*, request: HttpRequest | None = None, **_: object) -> None:
    """Remember on the request which server was away.

    A signal and not `process_exception`: the session and the user are loaded by other middleware,
    whose exceptions Django turns into a plain 500 before an outer middleware could see them.
    """
    if request is not None and (away := outage(sys.exc_info()[1])):
        request.META["dmsearch.outage"] = away


@dataclass(frozen=True, slots=True)
class OutageMiddleware:
    """Answer 503 and when to come back while the database or the broker is away.

    Place it outside everything that needs either; what it writes touches neither.
    """

    get_response: Callable[[HttpRequest], HttpResponse]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if away := request.META.get("dmsearch.outage"):
            response.close()
            return outage_response(request, away)
        return response


def outage_response(request: HttpRequest, away: str) -> HttpResponse:
    """Say that `away` does not answer, in the form the asker reads: page, htmx part or JSON."""
    response: HttpResponse
    if request.headers.get("HX-Request"):
        response = HttpResponse(render_to_string("503.html#outage", {"away": away}), status=503)
    elif wants_json(request):
        detail = f"The {away} does not answer. Nothing is lost; try again in {RETRY_AFTER_S} seconds."
        response = JsonResponse({"error": "unavailable", "detail": detail}, status=503)
    else:
        context = {
            "away": away,
            "retry_after": RETRY_AFTER_S,
            # Reloading what was posted would send a GET to a place that takes none.
            "reloads": request.method in {"GET", "HEAD"},
            "theme": theme(request),
        }
        response = HttpResponse(render_to_string("503.html", context), status=503)
    response["Retry-After"] = str(RETRY_AFTER_S)
    add_never_cache_headers(response)
    return response


def wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def theme(request: HttpRequest) -> str:
    """Return the look a person chose, or "" for the system's."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in {"light", "dark"} else ""
