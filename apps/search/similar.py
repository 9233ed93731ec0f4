"""More like this: the passages nearest in meaning to one, of other documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from apps.corpora.models import Passage
from apps.indexing.models import PassageVector, VectorIndex
from apps.search import dense, lexical, services, showing
from apps.search.facts import facts_of
from apps.search.folding import rows_of
from apps.search.outcome import Arm, Hit, Way
from apps.search.scope import Found, Scope

if TYPE_CHECKING:
    from apps.accounts.models import User

# Of what is near, much is of the same document and its copies: look further than is shown.
_DEPTH = 60
# The beginning says what a passage is about; all its words would find everything.
_WORDS = 60


def like(passage: Passage, *, user: User, limit: int = 10) -> tuple[Hit, ...]:
    """Return the hits that `user` may read, one a document; by words where no model has read the passage yet."""
    scope = Scope(corpora=tuple(corpus.pk for corpus in services.readable_corpora(user)))
    index = VectorIndex.objects.live()
    vector = _vector(passage, index) if index else None
    arm: Arm = "words"
    if index is not None and vector is not None:
        arm, found = "dense", dense.find(vector, scope, index=index, limit=_DEPTH)
    else:
        found = _by_words(passage, scope)
    facts = facts_of([hit.passage_id for hit in found])
    own = _own(passage)
    ranked = [
        hit.passage_id for hit in found if hit.passage_id in facts and facts[hit.passage_id].document_id not in own
    ]
    reasons = showing.Reasons(
        scores={hit.passage_id: hit.score for hit in found},
        ways={hit.passage_id: (Way(arm, None, rank, hit.score),) for rank, hit in enumerate(found, start=1)},
        weights={},
        model=index.retriever if index else "",
    )
    return showing.hits(rows_of(ranked, facts, of_one_document=1)[:limit], reasons, scope=scope, first_rank=1)


def _vector(passage: Passage, index: VectorIndex) -> np.ndarray | None:
    kept = PassageVector.objects.filter(index=index, passage=passage).first()
    if kept is None:
        return None
    stored = kept.embedding if kept.embedding is not None else kept.embedding32
    return np.asarray(stored.to_numpy() if hasattr(stored, "to_numpy") else stored, dtype=np.float32)


def _by_words(passage: Passage, scope: Scope) -> tuple[Found, ...]:
    words = " ".join(passage.text.split()[:_WORDS])
    return lexical.find(words, scope, limit=_DEPTH).passages


def _own(passage: Passage) -> set[int]:
    """Return the passage's document and its near-duplicates: they are shown as copies elsewhere."""
    document = passage.document
    if document.duplicates_id is None:
        return {document.pk}
    return set(type(document).objects.filter(duplicates=document.duplicates_id).values_list("pk", flat=True))
