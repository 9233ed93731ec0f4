"""Grade buttons for pages of apps below this one: only templates know of both."""

from __future__ import annotations

import math
from typing import Any

from django import template
from django.template.context import Context

from apps.accounts.models import User
from apps.feedback import grading
from apps.search.outcome import Hit, Outcome

register = template.Library()


@register.simple_tag
def grades_given(judge: User, outcome: Outcome) -> dict[int, int]:
    """Return the judge's own grades of the hits, by passage."""
    passages = [hit.passage_id for hit in outcome.hits]
    return grading.grades_given(judge, outcome.query, intent=outcome.intent, passages=passages)


@register.inclusion_tag("feedback/grades.html", takes_context=True)
def grade_buttons(context: Context, hit: Hit, *, outcome: Outcome, given: dict[int, int]) -> dict[str, Any]:
    shown = grading.grades_of(hit.passage_id, outcome.query, intent=outcome.intent, grade=given.get(hit.passage_id))
    return shown | {"csrf_token": context.get("csrf_token")}


@register.filter
def kappa(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.2f}"
