"""Pages for requests that end badly. None of them touches the database: it may be what is broken."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from apps.pages.middleware import theme, wants_json


@dataclass(frozen=True, slots=True)
class Mishap:
    """What happened, and what to do about it."""

    title: str
    happened: str
    remedy: str


BAD_REQUEST = Mishap(
    "This request cannot be read",
    "Your browser sent something dmsearch could not make sense of. Nothing was changed.",
    "Go back and try again. A very large form or a damaged link can cause this.",
)
FORBIDDEN = Mishap(
    "This page is not open to you",
    "You are signed in, but your role does not include this page.",
    "If you need it for your work, ask an admin to change your role.",
)
NOT_FOUND = Mishap(
    "There is nothing here",
    "This page does not exist, or it is not shared with you.",
    "Check the address, or search for what you were looking for.",
)
SERVER_ERROR = Mishap(
    "Something broke on our side",
    "dmsearch ran into an error it did not expect. What you saved before is safe.",
    "Try again. If it happens again, tell an admin what you did and at what time: the log has the details.",
)
CSRF = Mishap(
    "This form has expired",
    "For your safety a form is only accepted from the page that made it, by the person who opened it. "
    "Nothing was changed.",
    "Go back, reload the page and send it again. Cookies must be allowed for this site.",
)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _respond(request, 400, BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Tell the refusal as raised: `PermissionDenied("Only admins can open this page.")`."""
    reason = str(exception)
    mishap = Mishap(FORBIDDEN.title, reason, FORBIDDEN.remedy) if reason else FORBIDDEN
    return _respond(request, 403, mishap)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _respond(request, 404, NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    return _respond(request, 500, SERVER_ERROR)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _respond(request, 403, CSRF)


def _respond(request: HttpRequest, status: int, mishap: Mishap) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": mishap.title, "detail": mishap.happened}, status=status)
    context = {"status": status, "mishap": mishap, "theme": theme(request)}
    return HttpResponse(render_to_string("mishap.html", context), status=status)
