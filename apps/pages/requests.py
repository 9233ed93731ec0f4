"""The request as our middleware leaves it, for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest as DjangoHttpRequest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from apps.accounts.models import User


class HttpRequest(DjangoHttpRequest):
    """A signed-in person's request: `LoginRequiredMiddleware` guards every view not marked otherwise."""

    user: User
    htmx: HtmxDetails
