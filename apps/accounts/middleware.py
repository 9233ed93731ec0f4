"""Whom a request lets through before its view runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import middleware as auth_middleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django_htmx.http import HttpResponseClientRedirect

from apps.pages.middleware import wants_json
from apps.pages.requests import HttpRequest

# What a person with a one-time password may still reach.
_OPEN = {"password", "logout", "theme", "help", "healthz", "readyz"}


class LoginRequiredMiddleware(auth_middleware.LoginRequiredMiddleware):
    """Guards every view not marked otherwise; htmx and programs are told in their own way.

    A redirect would put the login page into the part of the page that htmx wanted to fill.
    """

    def handle_no_permission(  # type: ignore[override] # the stubs know of redirects only
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        if request.headers.get("HX-Request"):
            login = redirect_to_login(request.htmx.current_url_abs_path or "/", resolve_url("login"))
            return HttpResponseClientRedirect(login.url)
        if wants_json(request):
            return JsonResponse({"error": "not logged in", "detail": "Log in and send the session cookie."}, status=401)
        return super().handle_no_permission(request, view_func)


@dataclass(frozen=True, slots=True)
class PasswordChangeMiddleware:
    """Send whoever logged in with a one-time password to choose one of their own."""

    get_response: Callable[[HttpRequest], HttpResponse]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Callable[..., HttpResponseBase], _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        if match is not None and match.url_name in _OPEN:
            return None
        if not getattr(request.user, "must_change_password", False):  # nobody's has none
            return None
        if request.headers.get("HX-Request"):
            return HttpResponseClientRedirect(resolve_url("password"))
        return redirect("password")
