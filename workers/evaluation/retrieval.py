"""What can be evaluated: anything that ranks the passages of a collection."""

from collections.abc import Sequence
from typing import Literal, Protocol

from apps.retrievers.fusion import DENSE_SHARES
from workers.evaluation.collection import Collection
from workers.evaluation.ranking import Hit, Rankings, fuse_ranks, fuse_scores

Fusion = Literal["ranks", "scores"]


class Retrieval(Protocol):
    kind: str  #: "dense", "lexical", "hybrid" or "run"

    def describe(self) -> dict[str, str]:
        """Return all that its rankings depend on; "model" is the model's name."""
        ...

    def search(self, collection: Collection, *, k: int) -> Rankings:
        """Return at most k hits for every query, without the passage that it excludes."""
        ...


class HybridRetrieval:
    """Fuses the k best of a dense and a lexical arm, by their ranks or by their scores."""

    kind = "hybrid"

    def __init__(self, dense: Retrieval, lexical: Retrieval, *, fusion: Fusion = "ranks") -> None:
        self._dense = dense
        self._lexical = lexical
        self._fusion = fusion

    def describe(self) -> dict[str, str]:
        lexical = self._lexical.describe()
        arms = {"lexical": f"{lexical['model']}: {lexical['revision']}", "fusion": self._fusion}
        if self._fusion == "scores":
            arms["shares"] = ", ".join(f"{intent} {share}" for intent, share in DENSE_SHARES.items())
        return self._dense.describe() | arms

    def search(self, collection: Collection, *, k: int) -> dict[str, list[Hit]]:
        dense, lexical = (arm.search(collection, k=k) for arm in (self._dense, self._lexical))
        return {
            query.id: self._fuse(dense[query.id], lexical[query.id], share=DENSE_SHARES[query.intent], k=k)
            for query in collection.queries
        }

    def _fuse(self, dense: Sequence[Hit], lexical: Sequence[Hit], *, share: float, k: int) -> list[Hit]:
        if self._fusion == "ranks":
            return fuse_ranks((dense, lexical), k=k)
        return fuse_scores(dense, lexical, dense_share=share, k=k)
