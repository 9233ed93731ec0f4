from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.pages import health
from apps.pages.render import render_page

YEAR_S = 365 * 24 * 3600


@require_POST
@login_not_required
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the look a person chose, and show the page they came from in it."""
    back = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(back if safe else "/")
    if (chosen := request.POST.get("theme")) in {"light", "dark"}:
        # Not HttpOnly: the switch in the page sets the same cookie without a reload.
        response.set_cookie("theme", chosen, max_age=YEAR_S, samesite="Lax", secure=request.is_secure())
    return response


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    admins = get_user_model().objects.active_admins().order_by("username")
    return render_page(request, "pages/help.html", {"admins": admins, "now": timezone.now()})


@require_safe
@never_cache
def status_page(request: HttpRequest) -> HttpResponse:
    results = health.run_checks()
    context = {"results": results, "worst": health.worst(results), "checked_at": timezone.now()}
    return render_page(request, "pages/status.html", context, partial="checks")


@require_safe
@login_not_required
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    """Tell that this process answers, whatever else is away."""
    return JsonResponse({"status": "ok"})


@require_safe
@login_not_required
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """Tell whether a search could be answered now: 200, or 503 with what is missing."""
    results = health.run_checks(vital_only=True)
    ready = health.worst(results) != health.State.FAIL
    # States only: versions and reasons are nobody's business who is not logged in.
    checks = {result.check.name: result.finding.state for result in results}
    return JsonResponse({"status": "ready" if ready else "not ready", "checks": checks}, status=200 if ready else 503)
