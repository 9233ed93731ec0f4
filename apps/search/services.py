"""The story of a search: read the intent, ask both arms within what the person may see, fuse, order, fold, show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from apps.corpora.models import Corpus
from apps.indexing.models import VectorIndex
from apps.retrievers.fusion import dense_share, fuse_scores
from apps.retrievers.intents import Intent
from apps.search import area, facets, shadow, showing
from apps.search import wording as wordings
from apps.search.clock import Clock
from apps.search.facts import PassageFacts, facts_of, names_of
from apps.search.folding import Row, rows_of
from apps.search.intent import detect
from apps.search.ordering import in_order, prefer_recent
from apps.search.outcome import Asked, Mode, Outcome
from apps.search.reading import forced, readings
from apps.search.retrieving import Evidence, Search
from apps.search.scope import Scope
from apps.search.shapes import shapes_of
from apps.search.suitable import weight
from apps.search.wording import Wording

if TYPE_CHECKING:
    from apps.accounts.models import User


def search(
    asked: Asked,
    *,
    user: User,
    corpora: Sequence[Corpus] | None = None,
    is_live: bool = True,
    by_meaning: bool = True,
) -> Outcome:
    """Answer `asked` from the corpora that `user` may read.

    corpora: these, where they are known already. is_live: a person asked this and waits; what the product asks by
    itself is not shadowed. by_meaning: ask a model, too.
    """
    clock = Clock()
    readable = readable_corpora(user) if corpora is None else corpora
    corpora = [corpus for corpus in readable if not asked.corpora or corpus.slug in asked.corpora]
    wording = wordings.read(asked.query)
    detection = detect(wording.text, asked.kinds or {corpus.kind for corpus in corpora}, shapes_of(corpora))
    intent = asked.intent or detection.intent
    alternatives = () if asked.intent or detection.sure else detection.alternatives
    ways_to_read = forced(intent) if asked.intent else readings(intent, alternatives=alternatives, kinds=asked.kinds)
    scope = _scope(asked, wording, corpora)
    index = VectorIndex.objects.live() if by_meaning else None
    evidence = Search(wording.text, scope, ways_to_read, index).run(clock)
    share = dense_share(intent, index.dense_shares if index else {})
    fused = _fuse(evidence, intent, share=share, alternatives=alternatives)
    with clock.measuring("sql"):
        facts = facts_of(fused)
    scores, rows = _in_rows(asked, fused, facts)
    counted = [facts[row.shown].counted for row in rows]
    model = index.retriever if index else ""
    with clock.measuring("sql"):
        hits = showing.hits(
            rows[asked.offset : asked.offset + asked.limit],
            showing.Reasons(scores=scores, ways=evidence.ways(), weights=evidence.by_words.weights, model=model),
            scope=scope,
            first_rank=asked.offset + 1,
        )
    if is_live and not evidence.why_words:
        shadow.offer(wording.text, intent, scope)
    return Outcome(
        asked=asked,
        intent=intent,
        detection=detection,
        instruction=index.card.instruction_for(intent) if index and wording.text and not evidence.why_words else "",
        model=model,
        revision=index.revision if index else "",
        mode=_mode(evidence),
        why_words=evidence.why_words,
        took_ms=clock.total(),
        timings=clock.parts,
        hits=hits,
        found=len(rows),
        facets=facets.count(counted, chosen=asked.chosen, names=names_of(corpora)),
        points=area.points(place for row in rows if (place := facts[row.shown].main_place)),
        timeline=facets.timeline(counted),
        did_you_mean=_corrected(asked.query, evidence.by_words.corrections),
    )


def _in_rows(
    asked: Asked, fused: Mapping[int, float], facts: Mapping[int, PassageFacts]
) -> tuple[dict[int, float], list[Row]]:
    """Return the scores with recency in them, and the rows of all that was found, in the order asked for.

    A passage deleted since it was found has no facts, and no row.
    """
    dates = {passage: facts[passage].published_at for passage in facts}
    scores = prefer_recent({passage: fused[passage] for passage in facts}, dates, asked.recency)
    ranked = in_order(list(scores), dates, asked.sort)
    return scores, rows_of(ranked, facts, of_one_document=asked.of_one_document)


def _scope(asked: Asked, wording: Wording, corpora: Sequence[Corpus]) -> Scope:
    return Scope(
        corpora=tuple(corpus.pk for corpus in corpora),
        kinds=asked.kinds,
        since=asked.since,
        until=asked.until,
        hazards=asked.hazards,
        places=asked.places,
        events=asked.events,
        languages=asked.languages,
        publishers=asked.sources,
        box=asked.box,
        must=wording.must,
        must_not=wording.must_not,
    )


def readable_corpora(user: User, *, slugs: Sequence[str] = ()) -> list[Corpus]:
    """Return the corpora `user` may read, or those of them that `slugs` name."""
    corpora = Corpus.objects.readable_by(user)
    return list(corpora.filter(slug__in=slugs) if slugs else corpora)


def _mode(evidence: Evidence) -> Mode:
    if evidence.why_words:
        return "words"
    return "hybrid" if evidence.by_words.passages else "dense"


def _fuse(evidence: Evidence, intent: Intent, *, share: float, alternatives: Sequence[Intent]) -> dict[int, float]:
    """Return a score for each passage found, kinds that suit the intent less well by themselves and lowered.

    By themselves, or the tweet that repeats a claim would leave nothing of its evidence's scores.
    """
    suiting: dict[float, list[int]] = {}
    for passage, found in evidence.found.items():
        suiting.setdefault(weight(found.kind, intent, alternatives=alternatives), []).append(passage)
    return {
        passage: suits * score
        for suits, passages in suiting.items()
        for passage, score in fuse_scores(
            {p: evidence.cosines[p] for p in passages if p in evidence.cosines},
            {p: evidence.bm25[p] for p in passages if p in evidence.bm25},
            share=share,
        ).items()
    }


def _corrected(query: str, corrections: Mapping[str, str]) -> str:
    """Return the query with its misspelt words put right, or "" where none is."""
    for word, meant in corrections.items():
        query = re.sub(rf"\b{re.escape(word)}\b", meant, query)
    return query if corrections else ""
