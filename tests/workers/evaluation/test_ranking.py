import pytest

from apps.retrievers.intents import Intent
from workers.evaluation.documents import Piece
from workers.evaluation.ranking import Hit, best_passages, cut, excluded_pieces, fuse_ranks
from workers.records import Query


class TestCut:
    def test_drops_the_excluded_passage_before_it_cuts(self):
        query = Query(id="q", text="t", intent=Intent.STS, exclude="itself")
        hits = [Hit("itself", 3), Hit("a", 2), Hit("b", 1), Hit("c", 0)]
        assert cut(query, hits, k=2) == [Hit("a", 2), Hit("b", 1)]


class TestFuseRanks:
    def test_adds_reciprocal_ranks(self):
        """1: 1/62 + 1/61; 0: 1/61; 2: 1/62."""
        fused = fuse_ranks([{0: 9, 1: 8}, {1: 0.2, 2: 0.1}])
        assert list(fused) == [1, 0, 2]
        assert fused[1] == pytest.approx(1 / 62 + 1 / 61)

    def test_keeps_the_first_ranking_before_the_second_where_they_tie(self):
        assert list(fuse_ranks([{0: 1}, {1: 1}])) == [0, 1]


class TestBestPassages:
    def test_put_each_passage_where_its_best_piece_stands(self, floods):
        pieces = [Piece(0, "a"), Piece(0, "b"), Piece(1, "c")]
        best = best_passages(floods, pieces, {"q": {1: 0.9, 2: 0.5, 0: 0.1}}, k=5)
        assert best == {"q": [Hit("levee", 0.9), Hit("shelter", 0.5)]}
        assert [hit.passage_id for hit in best_passages(floods, pieces, {"q": {2: 1.0, 1: 0.9}}, k=1)["q"]] == [
            "shelter"
        ]


class TestExcludedPieces:
    def test_are_all_pieces_of_the_passage_that_is_the_query(self, floods):
        pieces = [Piece(0, "a"), Piece(3, "b"), Piece(3, "c")]
        assert [list(rows) for rows in excluded_pieces(floods, pieces)] == [[], [], [1, 2]]
