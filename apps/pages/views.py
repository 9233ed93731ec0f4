from __future__ import annotations

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
    """Keep the look a person chose; "system" forgets it."""
    back = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(back if safe else "/")
    if (chosen := request.POST.get("theme")) in {"light", "dark"}:
        # Not HttpOnly: the switch in the page sets the same cookie without a reload.
        response.set_cookie("theme", chosen, max_age=YEAR_S, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return render_page(request, "pages/help.html")


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
    checks = {result.check.name: result.finding.summary for result in results}
    return JsonResponse({"status": "ready" if ready else "not ready", "checks": checks}, status=200 if ready else 503)
