"""Certificates of indexes: queries that people may ask, encoded by the index's own model."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from celery import shared_task
from celery.utils.log import get_task_logger

from apps.feedback.collection import collect
from apps.feedback.models import Judgment
from apps.indexing import ann, certifying, jobs
from apps.indexing.models import PassageVector, VectorIndex
from apps.retrievers.intents import Intent
from workers.encoders import EncoderUnavailable
from workers.encoders.base import Encoder
from workers.evaluation.metrics import disastir_ndcg
from workers.tasks.asked import queries
from workers.tasks.embed import encoder_of

log = get_task_logger(__name__)


@shared_task(name=jobs.CERTIFY)
def certify(*, certificate_id: int, **_: object) -> None:
    """Measure what an index finds and write its certificate, or why that could not be done."""
    proof = certifying.begin(certificate_id)
    if proof is None:
        return
    index = proof.index
    try:
        encoder = encoder_of(index)
    except EncoderUnavailable as failure:
        certifying.fail(proof, str(failure))
        return
    asked = list(queries(certifying.QUERIES))
    if not asked:
        certifying.fail(proof, "there is no passage and no query to ask yet")
        return
    vectors = encoder.encode([index.card.query_text(query.text, query.intent) for _, query in asked])
    findings = certifying.measure(index, vectors)
    sources = Counter(source for source, _ in asked[: findings.queries])
    certifying.finish(proof, findings, sources=sources, quality=judged_quality(index, encoder))


def judged_quality(index: VectorIndex, encoder: Encoder) -> dict[str, dict[str, float]]:
    """Return nDCG@10 and the number of queries by intent, on the organisation's judgments; empty without any."""
    collection = collect(Judgment.objects.all(), combine="majority", extent="judged")
    if not collection.qrels:
        return {}
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for qrel in collection.qrels:
        grades[qrel.query_id][str(qrel.passage_id)] = qrel.grade
    corpora = list(collection.passages.order_by().values_list("corpus_id", flat=True).distinct())
    texts = [index.card.query_text(query.text, Intent(query.intent)) for query in collection.queries]
    scores: dict[str, list[float]] = defaultdict(list)
    for query, vector in zip(collection.queries, encoder.encode(texts), strict=True):
        ranking = _nearest(index, vector, corpora)
        scores[query.intent].append(disastir_ndcg(ranking, grades[query.id]))
    return {intent: {"ndcg": round(fmean(values), 4), "queries": len(values)} for intent, values in scores.items()}


def _nearest(index: VectorIndex, vector: np.ndarray, corpora: Sequence[int]) -> list[str]:
    inside = PassageVector.objects.filter(passage__corpus_id__in=corpora)
    with ann.scanning(ef_search=index.ef_search):
        rows = inside.nearest(vector, index=index).values_list("distance", "passage_id")[: certifying.DEPTH]  # type: ignore[misc]
        return [str(passage) for _, passage in sorted(rows)[: certifying.K]]
