"""What can be evaluated: anything that ranks the passages of a collection."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from apps.retrievers.fusion import DENSE_SHARES, dense_share, fuse_scores
from apps.retrievers.intents import Intent
from workers.evaluation.collection import Collection
from workers.evaluation.documents import Piece, Splitter, pieces_of
from workers.evaluation.ranking import Found, Hit, Rankings, best_passages, fuse_ranks

Fusion = Literal["ranks", "scores"]


class Retrieval(Protocol):
    kind: str  #: "dense", "lexical", "hybrid", "bm25", "bm25-passages" or "run"

    def describe(self) -> dict[str, str]:
        """Return all that its rankings depend on; "model" is the model's name."""
        ...

    def search(self, collection: Collection, *, k: int) -> Rankings:
        """Return at most k hits for every query, without the passage that it excludes."""
        ...


class Arm(Protocol):
    """Half of a hybrid retrieval."""

    def describe(self) -> dict[str, str]: ...

    def find(self, collection: Collection, pieces: Sequence[Piece], *, k: int) -> Found:
        """Return the k best pieces for every query, best first."""
        ...

    def score(self, collection: Collection, pieces: Sequence[Piece], rows: Mapping[str, Sequence[int]]) -> Found:
        """Return for every query the scores of these pieces, found or not."""
        ...


class HybridRetrieval:
    """Fuses the k best pieces of a dense and a lexical arm as search does: by their scores, or by their ranks."""

    kind = "hybrid"

    def __init__(
        self,
        dense: Arm,
        lexical: Arm,
        *,
        splitter: Splitter | None = None,
        fusion: Fusion = "scores",
        shares: Mapping[str, float] = DENSE_SHARES,
    ) -> None:
        self._dense = dense
        self._lexical = lexical
        self._splitter = splitter
        self._fusion = fusion
        self._shares = {intent: dense_share(intent, shares) for intent in Intent}

    def describe(self) -> dict[str, str]:
        lexical = self._lexical.describe()
        arms = {"lexical": f"{lexical['model']}: {lexical['revision']}", "fusion": self._fusion}
        if self._fusion == "scores":
            arms["shares"] = ", ".join(f"{intent} {share}" for intent, share in self._shares.items())
        return self._dense.describe() | arms

    def search(self, collection: Collection, *, k: int) -> dict[str, list[Hit]]:
        pieces = pieces_of(collection, self._splitter)
        fuse = self._by_ranks if self._fusion == "ranks" else self._by_scores
        return best_passages(collection, pieces, fuse(collection, pieces, k), k=k)

    def _by_ranks(self, collection: Collection, pieces: Sequence[Piece], k: int) -> Found:
        found = [arm.find(collection, pieces, k=k) for arm in (self._dense, self._lexical)]
        return {query.id: fuse_ranks(arm[query.id] for arm in found) for query in collection.queries}

    def _by_scores(self, collection: Collection, pieces: Sequence[Piece], k: int) -> Found:
        dense, lexical = self.arms(collection, pieces, k=k)
        return {
            query.id: fuse_scores(dense[query.id], lexical[query.id], share=self._shares[query.intent])
            for query in collection.queries
        }

    def arms(self, collection: Collection, pieces: Sequence[Piece], *, k: int) -> tuple[Found, Found]:
        """Return the scores that either arm gives whatever one of them found: not to be among the k best is not 0."""
        found = [arm.find(collection, pieces, k=k) for arm in (self._dense, self._lexical)]
        rows = {
            query.id: list(dict.fromkeys(row for arm in found for row in arm[query.id])) for query in collection.queries
        }
        return self._dense.score(collection, pieces, rows), self._lexical.score(collection, pieces, rows)
