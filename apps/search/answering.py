"""The sentence of a hit that is nearest in meaning to the query: marked once the page is there, if it comes in time.

Encoding the sentences of ten hits takes longer than a page may, so the page marks by words at first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from apps.corpora.sentences import Span
from apps.indexing.models import VectorIndex
from apps.retrievers.intents import Intent
from apps.retrievers.words import telling_words
from apps.search.encoding import encode_query, encode_sentences
from apps.search.marking import Excerpt, excerpt_around, spans_of, stems, word_scores

TIMEOUT_S = 2.0
# Of a long passage those that share most words with the query, and the first ones.
MOST_SENTENCES = 8
# Shorter ones are headings and numbers.
SHORTEST_WORDS = 4


def excerpts(query: str, intent: Intent, texts: Mapping[int, str], *, index: VectorIndex) -> dict[int, Excerpt]:
    """Return for each of `texts`, by its key, an excerpt around the best sentence; raises EncoderUnavailable.

    Texts of one sentence are left out: marked from end to end they would say nothing.
    """
    spans = {key: found for key, text in texts.items() if len(found := spans_of(text)) > 1}
    weights = dict.fromkeys(stems(" ".join(telling_words(query))), 1.0)
    chosen = [(key, place) for key in spans for place in _candidates(texts[key], spans[key], weights)]
    if not chosen:
        return {}
    asked = encode_query(query, intent, index=index, timeout=TIMEOUT_S)
    told = [texts[key][slice(*spans[key][place])] for key, place in chosen]
    cosines = encode_sentences(told, index=index, timeout=TIMEOUT_S) @ asked
    best: dict[int, tuple[float, int]] = {}
    for (key, place), cosine in zip(chosen, cosines, strict=True):
        best[key] = max(best.get(key, (-np.inf, 0)), (float(cosine), place))
    return {key: excerpt_around(texts[key], spans[key], place) for key, (_, place) in best.items()}


def _candidates(text: str, spans: Sequence[Span], weights: Mapping[str, float]) -> list[int]:
    scores = word_scores(text, spans, weights)
    long_enough = [place for place, span in enumerate(spans) if len(text[slice(*span)].split()) >= SHORTEST_WORDS]
    return sorted(long_enough, key=lambda place: (-scores[place], place))[:MOST_SENTENCES]
