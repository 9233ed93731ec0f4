"""Views for some roles only; `LoginRequiredMiddleware` has already seen to the login."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http.response import HttpResponseBase

from apps.accounts.models import User
from apps.pages.requests import HttpRequest

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def _allow(may: Callable[[User], bool], refusal: str) -> Callable[[View[P]], View[P]]:
    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not may(request.user):
                raise PermissionDenied(refusal)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def analyst_required(view: View[P]) -> View[P]:
    """Let analysts and admins in; others get a page that says so (403)."""
    return _allow(lambda user: user.may_upload, "Only analysts and admins can open this page.")(view)


def admin_required(view: View[P]) -> View[P]:
    """Let admins in; others get a page that says so (403)."""
    return _allow(lambda user: user.is_admin, "Only admins can open this page.")(view)
