"""The story of a search: read the intent, ask both arms within what the person may see, fuse, show."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from apps.corpora.models import Corpus, Passage
from apps.indexing.models import VectorIndex
from apps.search import dense, lexical
from apps.search.encoding import EncoderUnavailable, encode_query
from apps.search.fusion import Fused, Row, fold, reciprocal_rank_fusion
from apps.search.intent import detect
from apps.search.lexical import WordsFound
from apps.search.marking import excerpt
from apps.search.outcome import Asked, Folded, Hit, Mode, Outcome
from apps.search.scope import Found, Scope
from apps.search.suitable import weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from apps.accounts.models import User

P = ParamSpec("P")
T = TypeVar("T")

# How deep each arm looks: what both rank below this would hardly be looked at.
DEPTH = 100


def search(asked: Asked, *, user: User) -> Outcome:
    """Answer `asked` from the corpora that `user` may read."""
    clock = _Clock()
    corpora = readable_corpora(user, slugs=asked.corpora)
    detection = detect(asked.query, asked.kinds or {corpus.kind for corpus in corpora})
    intent = asked.intent or detection.intent
    scope = Scope(
        corpora=tuple(corpus.pk for corpus in corpora), kinds=asked.kinds, since=asked.since, until=asked.until
    )
    index = VectorIndex.objects.live()
    with ThreadPoolExecutor(1) as encoder:  # another process encodes: meanwhile we search by words
        vector = (
            encoder.submit(clock.timing("encode", encode_query), asked.query, intent, index=index) if index else None
        )
        with clock.measuring("sql"):
            by_words = lexical.find(asked.query, scope, limit=DEPTH)
        by_meaning, why_words = _by_meaning(vector, scope, index=index, clock=clock)
    unsure = not (asked.intent or detection.sure)
    weigh = partial(weight, intent=intent, alternatives=detection.alternatives if unsure else ())
    rows, fused = _arrange(by_meaning, by_words.passages, weigh=weigh, of_one_document=asked.of_one_document)
    model = index.retriever if index else ""
    shown = rows[asked.offset : asked.offset + asked.limit]
    with clock.measuring("sql"):
        hits = _hits(shown, fused, first_rank=asked.offset + 1, words=by_words, model=model)
    return Outcome(
        query=asked.query,
        intent=intent,
        detection=detection,
        instruction=index.card.instruction_for(intent) if index else "",
        model=model,
        revision=index.revision if index else "",
        mode=_mode(by_words.passages, why_words=why_words),
        why_words=why_words,
        took_ms=clock.total(),
        timings=clock.parts,
        hits=hits,
        found=len(rows),
    )


def readable_corpora(user: User, *, slugs: Sequence[str] = ()) -> list[Corpus]:
    """Return the corpora `user` may read, or those of them that `slugs` name."""
    corpora = Corpus.objects.readable_by(user)
    return list(corpora.filter(slug__in=slugs) if slugs else corpora)


def _by_meaning(
    vector: Future[np.ndarray] | None, scope: Scope, *, index: VectorIndex | None, clock: _Clock
) -> tuple[tuple[Found, ...], str]:
    """Return what the model finds, or nothing and the reason why it had no say."""
    if vector is None or index is None:
        return (), "no search index is live yet"
    try:
        query = vector.result()
    except EncoderUnavailable as failure:
        return (), str(failure)
    with clock.measuring("sql"):
        return dense.find(query, scope, index=index, limit=DEPTH), ""


def _mode(by_words: Sequence[Found], *, why_words: str) -> Mode:
    if why_words:
        return "words"
    return "hybrid" if by_words else "dense"


def _arrange(
    by_meaning: Sequence[Found],
    by_words: Sequence[Found],
    *,
    weigh: Callable[[str], float],
    of_one_document: int | None,
) -> tuple[list[Row[int]], dict[int, Fused[int]]]:
    arms = {"dense": [f.passage_id for f in by_meaning], "words": [f.passage_id for f in by_words]}
    weights = {f.passage_id: weigh(f.kind) for f in (*by_meaning, *by_words)}
    ranking = reciprocal_rank_fusion(arms, weights=weights)
    documents = {f.passage_id: f.document_id for f in (*by_meaning, *by_words)}
    ids = [fused.item for fused in ranking]
    rows = fold(ids, documents, at_most=of_one_document or len(ids))
    return rows, {fused.item: fused for fused in ranking}


def _hits(
    rows: Sequence[Row[int]], fused: Mapping[int, Fused[int]], *, first_rank: int, words: WordsFound, model: str
) -> tuple[Hit, ...]:
    """Fetch what the rows show, in one query."""
    wanted = [pk for row in rows for pk in (row.shown, *row.folded)]
    passages = Passage.objects.select_related("document", "corpus").defer("words").in_bulk(wanted)
    return tuple(
        _hit(
            passages[row.shown],
            fused[row.shown],
            rank=rank,
            weights=words.weights,
            model=model,
            folded=[passages[pk] for pk in row.folded if pk in passages],
        )
        for rank, row in enumerate(rows, start=first_rank)
        if row.shown in passages  # deleted since it was found
    )


def _hit(
    passage: Passage,
    fused: Fused[int],
    *,
    rank: int,
    weights: Mapping[str, float],
    model: str,
    folded: Sequence[Passage],
) -> Hit:
    document = passage.document
    return Hit(
        rank=rank,
        score=fused.score,
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
        excerpt=excerpt(passage.text, weights),
        url=passage.get_absolute_url(),
        published_at=document.published_at,
        author=document.author,
        metadata=document.metadata,
        ranks=fused.ranks,
        model=model,
        folded=tuple(Folded(p.get_absolute_url(), p.page, p.heading) for p in folded),
    )


@dataclass(slots=True)
class _Clock:
    """Milliseconds since it was made, and how many of them each part took; parts may overlap."""

    started: float = field(default_factory=time.perf_counter)
    parts: dict[str, float] = field(default_factory=lambda: {"encode": 0.0, "sql": 0.0})

    @contextmanager
    def measuring(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.parts[part] += (time.perf_counter() - started) * 1000

    def timing(self, part: str, do: Callable[P, T]) -> Callable[P, T]:
        """Return `do` with its time measured, for another thread to call."""

        def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            with self.measuring(part):
                return do(*args, **kwargs)

        return timed

    def total(self) -> float:
        return (time.perf_counter() - self.started) * 1000
