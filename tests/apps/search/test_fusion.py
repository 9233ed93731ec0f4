import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.search.fusion import fold, reciprocal_rank_fusion

rankings = st.lists(st.integers(0, 30), unique=True, max_size=20)


class TestFusion:
    def test_adds_up_the_reciprocal_ranks(self):
        first, second, third = reciprocal_rank_fusion({"dense": ["a", "b"], "words": ["b", "c"]})
        assert (first.item, first.score) == ("b", pytest.approx(1 / 62 + 1 / 61))
        assert (second.item, second.score) == ("a", pytest.approx(1 / 61))
        assert (third.item, third.score) == ("c", pytest.approx(1 / 62))

    def test_tells_which_arm_found_an_item_and_where(self):
        assert reciprocal_rank_fusion({"dense": ["a"], "words": ["b", "a"]})[0].ranks == {"dense": 1, "words": 2}

    def test_leaves_ties_in_the_order_of_the_arms(self):
        fused = reciprocal_rank_fusion({"dense": ["a"], "words": ["b"]})
        assert [f.item for f in fused] == ["a", "b"]

    def test_weighs_an_item_and_leaves_it_in(self):
        fused = reciprocal_rank_fusion({"dense": ["a", "b"]}, weights={"a": 0.5})
        assert [(f.item, f.score) for f in fused] == [("b", pytest.approx(1 / 62)), ("a", pytest.approx(0.5 / 61))]

    @given(rankings)
    def test_of_one_arm_is_that_arm(self, ranking):
        assert [f.item for f in reciprocal_rank_fusion({"dense": ranking, "words": []})] == ranking

    @given(rankings, rankings)
    def test_loses_and_doubles_nothing(self, dense, words):
        fused = [f.item for f in reciprocal_rank_fusion({"dense": dense, "words": words})]
        assert sorted(fused) == sorted({*dense, *words})


class TestFolding:
    groups = {"a1": "a", "a2": "a", "a3": "a", "a4": "a", "b1": "b"}

    def test_puts_what_is_too_much_of_a_document_under_its_last_row(self):
        rows = fold(["a1", "b1", "a2", "a3", "a4"], self.groups, at_most=2)
        assert [(row.shown, list(row.folded)) for row in rows] == [("a1", []), ("b1", []), ("a2", ["a3", "a4"])]

    def test_changes_nothing_where_there_is_little_of_each(self):
        rows = fold(["a1", "b1"], self.groups, at_most=1)
        assert [(row.shown, list(row.folded)) for row in rows] == [("a1", []), ("b1", [])]

    @given(st.permutations(sorted(groups)), st.integers(1, 4))
    def test_loses_and_doubles_nothing(self, items, at_most):
        rows = fold(items, self.groups, at_most=at_most)
        everything = [item for row in rows for item in (row.shown, *row.folded)]
        assert sorted(everything) == sorted(items)
