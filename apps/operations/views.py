from __future__ import annotations

import ipaddress
import secrets
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from apps.operations.metrics import exposition

# What proxies add to the requests of others.
_PASSED_ON = {"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}


@require_safe
@login_not_required  # a scraper has no session: it shows a token, or asks from this machine
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format."""
    if not (_shows_token(request) or _is_local(request) or _is_admin(request)):
        raise PermissionDenied("Metrics are for admins, and for programs that show METRICS_TOKEN as a bearer token.")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _shows_token(request: HttpRequest) -> bool:
    shown = request.headers.get("Authorization", "")
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and secrets.compare_digest(shown.encode(), wanted.encode())


def _is_local(request: HttpRequest) -> bool:
    """Tell whether a program on this machine asks, as far as that can be told.

    A proxy on this machine passes strangers on from its own address, and some leave no trace of it (nginx, unless it
    is told to). So an address counts only where no token is set: who runs a proxy sets one.
    """
    if settings.METRICS_TOKEN or settings.HTTPS or _PASSED_ON & set(request.headers):
        return False
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    return _is_loopback(request.META.get("REMOTE_ADDR", "")) and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # a name, or a Unix socket: that is a proxy
        return False


def _is_admin(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_admin
