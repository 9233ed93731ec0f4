"""Counts requests and their time, and the stages that a view tells of in its Server-Timing header."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from apps.operations.measures import REQUEST_SECONDS, REQUESTS, SEARCHES, STAGE_SECONDS

_STAGE = re.compile(r"(?P<name>[\w-]+);dur=(?P<ms>[\d.]+)")
_MODE = re.compile(r"mode;desc=\"?(?P<mode>\w+)")


@dataclass(frozen=True, slots=True)
class MeasureMiddleware:
    """Place it outside everything whose time people wait for."""

    get_response: Callable[[HttpRequest], HttpResponse]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        # By name and not by path: as many series as there are views, whatever strangers ask for.
        view = (request.resolver_match and request.resolver_match.view_name) or "unknown"
        REQUESTS.labels(view, response.status_code).inc()
        REQUEST_SECONDS.labels(view).observe(time.perf_counter() - started)
        _count_stages(response.headers.get("Server-Timing", ""))
        return response


def _count_stages(timing: str) -> None:
    for stage in _STAGE.finditer(timing):
        STAGE_SECONDS.labels(stage["name"]).observe(float(stage["ms"]) / 1000)
    if mode := _MODE.search(timing):
        SEARCHES.labels(mode["mode"]).inc()
