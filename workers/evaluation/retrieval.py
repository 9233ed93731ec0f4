"""What can be evaluated: anything that ranks the passages of a collection."""

from typing import Protocol

from workers.evaluation.collection import Collection
from workers.evaluation.ranking import Hit, Rankings, fuse


class Retrieval(Protocol):
    kind: str  #: "dense", "lexical", "hybrid" or "run"

    def describe(self) -> dict[str, str]:
        """Return all that its rankings depend on; "model" is the model's name."""
        ...

    def search(self, collection: Collection, *, k: int) -> Rankings:
        """Return at most k hits for every query, without the passage that it excludes."""
        ...


class HybridRetrieval:
    """Fuses the k best of two arms by reciprocal rank."""

    kind = "hybrid"

    def __init__(self, dense: Retrieval, lexical: Retrieval) -> None:
        self._dense = dense
        self._lexical = lexical

    def describe(self) -> dict[str, str]:
        lexical = self._lexical.describe()
        return self._dense.describe() | {"lexical": f"{lexical['model']}: {lexical['revision']}"}

    def search(self, collection: Collection, *, k: int) -> dict[str, list[Hit]]:
        dense, lexical = (arm.search(collection, k=k) for arm in (self._dense, self._lexical))
        return {query.id: fuse((dense[query.id], lexical[query.id]), k=k) for query in collection.queries}
