"""One template a page; htmx asks for a named part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.cache import patch_vary_headers


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    partial: str | None = None,
    status: int = 200,
) -> TemplateResponse:
    """Return the page, or its `partial` alone when that is the element htmx is about to fill."""
    if partial and request.headers.get("HX-Target") == partial:
        template = f"{template}#{partial}"
    response = TemplateResponse(request, template, dict(context or {}), status=status)
    # The same URL gives two answers: a browser's Back must not find the part where the page belongs.
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
