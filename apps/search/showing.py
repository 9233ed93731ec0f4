"""From rows of ids to hits that can be shown: everything a page says of them, in two queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber

from apps.corpora.cleaning import shorten
from apps.corpora.models import Document, Passage
from apps.search.folding import Row
from apps.search.marking import excerpt, matched_words
from apps.search.outcome import Copy, Folded, Hit, Way
from apps.search.scope import Scope

# So many near-duplicates are listed under a hit; a page of their own has them all.
MAX_COPIES = 20
# Of a document's further passages, so many are shown with their best sentence, cut to so many characters.
WITH_TEXT = 2
BEST_CHARACTERS = 240


@dataclass(frozen=True, kw_only=True, slots=True)
class Reasons:
    """Why passages were found, by passage."""

    scores: Mapping[int, float]
    ways: Mapping[int, tuple[Way, ...]]
    weights: Mapping[str, float]  #: how telling each stem of the query is
    model: str


def hits(rows: Sequence[Row], reasons: Reasons, *, scope: Scope, first_rank: int) -> tuple[Hit, ...]:
    """Return the hits of `rows`, except passages deleted since they were found."""
    wanted = [pk for row in rows for pk in (row.shown, *row.folded)]
    passages = Passage.objects.select_related("document", "corpus").defer("words").in_bulk(wanted)
    groups = _groups([passages[row.shown].document for row in rows if row.shown in passages], scope=scope)
    return tuple(
        _hit(
            passages[row.shown],
            reasons,
            rank=rank,
            folded=[passages[pk] for pk in row.folded if pk in passages],
            groups=groups,
        )
        for rank, row in enumerate(rows, start=first_rank)
        if row.shown in passages
    )


def _hit(
    passage: Passage,
    reasons: Reasons,
    *,
    rank: int,
    folded: Sequence[Passage],
    groups: Mapping[int | None, _Group],
) -> Hit:
    document = passage.document
    group = groups.get(document.duplicates_id, _ALONE)
    return Hit(
        rank=rank,
        score=reasons.scores[passage.pk],
        passage_id=passage.pk,
        corpus=passage.corpus.slug,
        corpus_name=passage.corpus.name,
        kind=passage.kind,
        document_id=document.pk,
        external_id=document.external_id,
        title=document.title,
        heading=passage.heading,
        page=passage.page,
        text=passage.text,
        excerpt=excerpt(passage.text, reasons.weights),
        url=passage.get_absolute_url(),
        published_at=document.published_at,
        author=document.author,
        metadata=document.metadata,
        ways=reasons.ways[passage.pk],
        matched=matched_words(f"{passage.heading} {passage.text}", reasons.weights),
        model=reasons.model,
        folded=tuple(_folded(p, reasons, with_text=n < WITH_TEXT) for n, p in enumerate(folded)),
        copies=group.without(document),
        copy_count=group.count - 1,
    )


def _folded(passage: Passage, reasons: Reasons, *, with_text: bool) -> Folded:
    best = ""
    if with_text:
        shown = excerpt(passage.text, reasons.weights)
        best = shorten(shown.best or shown.before, BEST_CHARACTERS)
    return Folded(passage.get_absolute_url(), passage.page, passage.heading, best)


@dataclass(frozen=True, slots=True)
class _Group:
    """Documents that say the same: how many, and the newest of them, `MAX_COPIES` and the one shown."""

    count: int
    newest: list[Document] = field(default_factory=list)

    def without(self, shown: Document) -> tuple[Copy, ...]:
        copies = [copy for copy in self.newest if copy != shown][:MAX_COPIES]
        return tuple(Copy(c.get_absolute_url(), c.title, c.author, c.corpus.name, c.published_at) for c in copies)


_ALONE = _Group(count=1)


def _groups(documents: Sequence[Document], *, scope: Scope) -> Mapping[int | None, _Group]:
    """Return by group the near-duplicates of `documents` in the corpora that are searched."""
    wanted = {document.duplicates_id for document in documents if document.duplicates_id}
    if not wanted:
        return {}
    newest_first = [F("published_at").desc(nulls_last=True), F("pk").asc()]
    found = Document.objects.filter(duplicates__in=wanted, corpus__in=scope.corpora).annotate(
        place=Window(RowNumber(), partition_by="duplicates", order_by=newest_first),
        count=Window(Count("pk"), partition_by="duplicates"),
    )
    groups: dict[int | None, _Group] = {}
    shown = found.filter(place__lte=MAX_COPIES + 1).order_by("place").select_related("corpus")
    for document in shown.defer("metadata", "origins"):
        groups.setdefault(document.duplicates_id, _Group(document.count)).newest.append(document)  # type: ignore[attr-defined]
    return groups
