import numpy as np
import pytest

from workers.evaluation.significance import bootstrap_interval, compare, wilcoxon_greater


class TestWilcoxonGreater:
    def test_five_wins_of_five_have_one_chance_in_thirty_two(self):
        """All of the 2^5 sign patterns are equally likely and only one is this good."""
        assert wilcoxon_greater(np.array([0.1, 0.2, 0.3, 0.4, 0.5])) == pytest.approx(1 / 32)

    def test_is_one_tailed(self):
        assert wilcoxon_greater(np.array([-0.1, -0.2, -0.3, -0.4, -0.5])) == pytest.approx(1.0)

    def test_counts_sign_patterns_at_least_as_good(self):
        """Ranks 1, 2, 3 with only the smallest lost: W+ = 5, reached by 2 of 8 patterns."""
        assert wilcoxon_greater(np.array([-0.1, 0.2, 0.3])) == pytest.approx(2 / 8)

    def test_systems_that_tie_everywhere_are_not_different(self):
        assert wilcoxon_greater(np.zeros(10)) == 1.0

    def test_a_difference_of_rounding_is_a_tie(self):
        assert wilcoxon_greater(np.full(50, 1e-16)) == 1.0


class TestBootstrapInterval:
    def test_agrees_with_the_normal_interval_on_many_queries(self):
        differences = np.random.default_rng(7).normal(0.02, 0.1, size=2000)
        low, high = bootstrap_interval(differences)
        half = 1.96 * differences.std(ddof=1) / np.sqrt(len(differences))
        assert low == pytest.approx(differences.mean() - half, abs=half * 0.1)
        assert high == pytest.approx(differences.mean() + half, abs=half * 0.1)

    def test_is_the_same_every_time(self):
        differences = np.random.default_rng(1).normal(size=30)
        assert bootstrap_interval(differences) == bootstrap_interval(differences)

    def test_one_query_has_no_spread(self):
        assert bootstrap_interval(np.array([0.25])) == (0.25, 0.25)


class TestCompare:
    def test_a_system_that_always_wins_is_significantly_better(self):
        theirs = {f"q{n}": n / 40 for n in range(20)}
        comparison = compare({q: score + 0.1 + n / 1000 for n, (q, score) in enumerate(theirs.items())}, theirs)
        assert comparison.is_significant
        assert comparison.low > 0
        assert comparison.difference == pytest.approx(0.1095)
        assert comparison.queries == 20

    def test_a_system_is_not_better_than_itself(self):
        scores = {"a": 0.5, "b": 0.25}
        assert not compare(scores, scores).is_significant

    def test_pairs_queries_by_id_and_not_by_order(self):
        assert compare({"a": 0.9, "b": 0.1}, {"b": 0.1, "a": 0.9}).difference == 0

    @pytest.mark.parametrize("theirs", [{"other": 1.0}, {"a": 1.0, "b": 0.0}])
    def test_refuses_systems_that_answered_different_queries(self, theirs):
        with pytest.raises(ValueError, match="same queries"):
            compare({"a": 1.0}, theirs)

    def test_refuses_no_queries(self):
        with pytest.raises(ValueError, match="at least one"):
            compare({}, {})
