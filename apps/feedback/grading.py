"""What the grade buttons beside a result show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from apps.feedback.models import Grade, Judgment

if TYPE_CHECKING:
    from apps.accounts.models import User


def grades_of(passage_id: int, query: str, *, intent: str, grade: int | None) -> dict[str, Any]:
    return {
        "passage_id": passage_id,
        "query": query,
        "intent": str(intent),
        "grade": grade,
        "label": "" if grade is None else Grade(grade).label,
        "grades": Grade.choices,
    }


def grades_given(judge: User, query: str, *, intent: str, passages: Iterable[int]) -> dict[int, int]:
    """Return the judge's own grades for a query, by passage."""
    own = Judgment.objects.filter(judge=judge, query__text=query, query__intent=str(intent), passage__in=list(passages))
    return dict(own.values_list("passage", "grade"))
