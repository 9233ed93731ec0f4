"""What the leaderboard shows and in which order, all of it in the URL."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.http import QueryDict
from django.utils.text import slugify

from apps.accounts.models import User
from apps.experiments import leaderboard
from apps.experiments.leaderboard import COLUMNS, Row

_CLASSES = (("", "All sizes"), ("small", "Small"), ("medium", "Medium"), ("large", "Large"), ("xl", "XL"))
_FIGURES = (("", "Published and measured"), ("published", "Published"), ("measured", "Measured"))


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head: a link that sorts by it, the other way round when it already does."""

    label: str
    query: str
    sorted: str  #: "ascending", "descending" or "", as aria-sort has it


class LeaderboardForm(forms.Form):
    """A value that is not on offer shows what no value would: old links never break."""

    size = forms.ChoiceField(required=False, label="Size", choices=_CLASSES)
    figures = forms.ChoiceField(required=False, label="Figures", choices=_FIGURES)
    sort = forms.CharField(required=False)

    def __init__(self, data: QueryDict, *, user: User) -> None:
        super().__init__(data)
        sets = leaderboard.sets(user=user)
        self.fields["set"] = forms.ChoiceField(
            required=False, label="Test collection", choices=[(name, name) for name in sets]
        )
        self._asked = data
        self._user = user
        self._default = sets[0]
        self.full_clean()

    @property
    def name(self) -> str:
        return self._chosen("set") or self._default

    @property
    def sorting(self) -> str:
        """The column, with a minus before it for the highest first; empty for the published order."""
        return self._chosen("sort")

    @property
    def file_name(self) -> str:
        return f"leaderboard-{slugify(self.name)}"

    def rows(self) -> list[Row]:
        size, figures = self._chosen("size"), self._chosen("figures")
        found = leaderboard.rows_of(self.name, user=self._user)
        found = [row for row in found if size in ("", row.size_class) and figures in ("", row.figures)]
        by, descending = self.sorting.removeprefix("-"), self.sorting.startswith("-")
        return leaderboard.mark_best(leaderboard.sort(found, by=by, descending=descending))

    def heads(self) -> list[Head]:
        return [self._head(column) for column in ("system", *COLUMNS)]

    def _head(self, column: str) -> Head:
        current = self.sorting
        # Scores are read from the top, names from A.
        first, second = (column, f"-{column}") if column == "system" else (f"-{column}", column)
        order = {column: "ascending", f"-{column}": "descending"}.get(current, "")
        query = self._asked.copy()
        query["sort"] = second if current == first else first
        return Head(column.capitalize() if column.islower() else column, query.urlencode(), order)

    def _chosen(self, field: str) -> str:
        return str(self.cleaned_data.get(field, ""))
