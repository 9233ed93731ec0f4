"""Tags and filters that every page uses."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from functools import lru_cache

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from apps.pages.middleware import theme as chosen_theme

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=500)
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon of static/img/icons.svg; without `label` it is decoration and hidden from readers."""
    href = f"{static('img/icons.svg')}#{name}"
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}"></use></svg>', label, href)
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', href)


@register.filter
def zulu(value: datetime | None, to: str = "minutes") -> SafeString | str:
    """Write a moment as operations do, "23 Nov 2026 14:05Z"; JavaScript adds local time on hover.

    to: "minutes" or "seconds".
    """
    if value is None:
        return ""
    moment = value.astimezone(UTC)
    # Not strftime's %-d: it is not there on every system.
    clock = f"{moment:%H:%M:%S}" if to == "seconds" else f"{moment:%H:%M}"
    written = f"{moment.day} {moment:%b %Y} {clock}Z"
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(timespec="seconds"), written)


@register.filter
def published(value: datetime | None) -> SafeString | str:
    """Write when a document was published: a day alone is kept as its midnight and has no time to show."""
    if value is None or value.astimezone(UTC).time() != time():
        return zulu(value)
    day = value.astimezone(UTC).date()
    return format_html('<time datetime="{}">{}</time>', day.isoformat(), f"{day.day} {day:%b %Y}")


@register.filter
def commands(text: str) -> SafeString:
    """Set what stands between backquotes as code; everything is escaped first."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))  # noqa: S308


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """Return "light" or "dark" as chosen with the switch, or "" for the system's look."""
    request: HttpRequest | None = context.get("request")
    return chosen_theme(request) if request is not None else str(context.get("theme") or "")


@register.inclusion_tag("partials/nav_link.html", takes_context=True)
def nav_link(context: Context, name: str, label: str, *, icon_name: str) -> dict[str, str]:
    """Link to the page `name`, marked when it, or a page below it, is the one shown."""
    url = reverse(name)
    request: HttpRequest | None = context.get("request")
    path = request.path if request is not None else ""
    below = url != "/" and path.startswith(url)
    current = "page" if path == url else "true" if below else ""
    return {"url": url, "label": label, "icon_name": icon_name, "current": current}
