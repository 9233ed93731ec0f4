import pytest

from apps.retrievers.intents import Intent
from workers.evaluation.ranking import Hit, cut, fuse
from workers.records import Query


class TestCut:
    def test_drops_the_excluded_passage_before_it_cuts(self):
        query = Query(id="q", text="t", intent=Intent.STS, exclude="itself")
        hits = [Hit("itself", 3), Hit("a", 2), Hit("b", 1), Hit("c", 0)]
        assert cut(query, hits, k=2) == [Hit("a", 2), Hit("b", 1)]


class TestFuse:
    def test_adds_reciprocal_ranks(self):
        """b: 1/62 + 1/61; a: 1/61; c: 1/62."""
        fused = fuse([[Hit("a", 9), Hit("b", 8)], [Hit("b", 0.2), Hit("c", 0.1)]], k=10)
        assert [hit.passage_id for hit in fused] == ["b", "a", "c"]
        assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)

    def test_keeps_the_first_ranking_before_the_second_where_they_tie(self):
        assert [hit.passage_id for hit in fuse([[Hit("a", 1)], [Hit("b", 1)]], k=2)] == ["a", "b"]

    def test_stops_at_k(self):
        assert len(fuse([[Hit("a", 1), Hit("b", 1)]], k=1)) == 1
