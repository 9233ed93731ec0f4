"""Whom a request lets through before its view runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django_htmx.http import HttpResponseClientRedirect

from apps.pages.requests import HttpRequest

# What a person with a one-time password may still reach.
_OPEN = {"password", "logout", "theme", "help", "healthz", "readyz"}


@dataclass(frozen=True, slots=True)
class PasswordChangeMiddleware:
    """Send whoever signed in with a one-time password to choose one of their own."""

    get_response: Callable[[HttpRequest], HttpResponse]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Callable[..., HttpResponse], _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        if match is not None and match.url_name in _OPEN:
            return None
        if not (request.user.is_authenticated and request.user.must_change_password):
            return None
        if request.headers.get("HX-Request"):
            return HttpResponseClientRedirect(resolve_url("password"))
        return redirect("password")
