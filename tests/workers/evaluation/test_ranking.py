import pytest

from apps.retrievers.intents import Intent
from workers.evaluation.ranking import Hit, cut, fuse_ranks, fuse_scores
from workers.records import Query


class TestCut:
    def test_drops_the_excluded_passage_before_it_cuts(self):
        query = Query(id="q", text="t", intent=Intent.STS, exclude="itself")
        hits = [Hit("itself", 3), Hit("a", 2), Hit("b", 1), Hit("c", 0)]
        assert cut(query, hits, k=2) == [Hit("a", 2), Hit("b", 1)]


class TestFuseRanks:
    def test_adds_reciprocal_ranks(self):
        """b: 1/62 + 1/61; a: 1/61; c: 1/62."""
        fused = fuse_ranks([[Hit("a", 9), Hit("b", 8)], [Hit("b", 0.2), Hit("c", 0.1)]], k=10)
        assert ids(fused) == ["b", "a", "c"]
        assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)

    def test_keeps_the_first_ranking_before_the_second_where_they_tie(self):
        assert ids(fuse_ranks([[Hit("a", 1)], [Hit("b", 1)]], k=2)) == ["a", "b"]

    def test_stops_at_k(self):
        assert len(fuse_ranks([[Hit("a", 1), Hit("b", 1)]], k=1)) == 1


class TestFuseScores:
    def test_weighs_scores_stretched_to_the_same_range(self):
        """a: 0.6 x 1; b: 0.6 x 0.5 + 0.4 x 1; c: 0; d: 0.4 x 0."""
        dense = [Hit("a", 0.9), Hit("b", 0.8), Hit("c", 0.7)]
        fused = fuse_scores(dense, [Hit("b", 30.0), Hit("d", 10.0)], dense_share=0.6, k=10)
        assert [(hit.passage_id, pytest.approx(hit.score)) for hit in fused[:2]] == [("b", 0.7), ("a", 0.6)]
        assert {hit.score for hit in fused[2:]} == {0.0}

    def test_a_clear_winner_of_one_arm_beats_a_middling_passage_of_both(self):
        """Fusion by rank puts the passage first that both arms hold, however weakly."""
        dense = [Hit("winner", 0.9), Hit("both", 0.3), Hit("last", 0.2)]
        lexical = [Hit("word", 9.0), Hit("both", 5.0), Hit("end", 4.9)]
        assert ids(fuse_ranks([dense, lexical], k=1)) == ["both"]
        assert ids(fuse_scores(dense, lexical, dense_share=0.6, k=1)) == ["winner"]

    def test_an_arm_that_found_one_passage_or_none_still_counts(self):
        assert ids(fuse_scores([Hit("a", 0.5)], [], dense_share=0.6, k=5)) == ["a"]
        assert ids(fuse_scores([Hit("a", 0.5)], [Hit("b", 3.0)], dense_share=0.6, k=5)) == ["a", "b"]


def ids(hits):
    return [hit.passage_id for hit in hits]
