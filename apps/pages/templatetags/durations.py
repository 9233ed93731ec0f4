"""How long something takes, as people say it."""

from __future__ import annotations

from datetime import timedelta

from django import template

register = template.Library()


@register.filter
def lasting(value: timedelta | float | None) -> str:
    """Write a span of time: "8 s", "3 min", "1 h 20 min"; empty for None."""
    if value is None:
        return ""
    seconds = round(value.total_seconds() if isinstance(value, timedelta) else value)
    if seconds < 90:
        return f"{max(1, seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
