"""What share of the fusion suits a model's dense arm: NDCG@10 by intent as the share grows from words alone to 1."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean

from apps.retrievers.fusion import DENSE_SHARES, fuse_scores
from apps.retrievers.intents import Intent
from workers.evaluation.collection import Collection
from workers.evaluation.documents import Splitter, pieces_of
from workers.evaluation.evaluate import DEPTH
from workers.evaluation.metrics import disastir_ndcg, macro_mean, task_means
from workers.evaluation.ranking import best_passages
from workers.evaluation.retrieval import HybridRetrieval

SHARES = tuple(round(step / 20, 2) for step in range(21))

ByShare = Mapping[float, float]  # the dense arm's share → NDCG@10, a fraction of one


def sweep(
    collections: Iterable[Collection], retrieval: HybridRetrieval, *, splitter: Splitter | None
) -> dict[Intent, ByShare]:
    """Return NDCG@10 by intent and share, each collection counting alike."""
    found: dict[Intent, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for collection in collections:
        pieces = pieces_of(collection, splitter)
        dense, lexical = retrieval.arms(collection, pieces, k=DEPTH)
        for share in SHARES:
            fused = {key: fuse_scores(dense[key], lexical[key], share=share) for key in dense}
            rankings = best_passages(collection, pieces, fused, k=DEPTH)
            values = {
                query.id: disastir_ndcg([hit.passage_id for hit in rankings[query.id]], collection.qrels[query.id])
                for query in collection.queries
            }
            for intent, score in macro_mean(task_means(values, collection.tasks)).items():
                found[intent][share].append(score)
    return {intent: {share: fmean(scores) for share, scores in found[intent].items()} for intent in sorted(found)}


def table(found: Mapping[Intent, ByShare]) -> str:
    """Draw a line an intent, in percent: what the product's share gives, and what others do."""
    shown = [share for share in SHARES if round(share * 10, 6).is_integer()]
    heads = ["intent", "product's share", "best share", *(f"{share:g}" for share in shown)]
    lines = [heads, ["---"] * len(heads)]
    for intent, scores in found.items():
        best = max(scores, key=lambda share: scores[share])
        usual = DENSE_SHARES[intent]
        told = [f"{share:g}: {100 * scores[share]:.2f}" for share in (usual, best)]
        lines.append([str(intent), *told, *(f"{100 * scores[share]:.2f}" for share in shown)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
