"""Against figures worked by hand and the worked examples of the measures' own literature."""

import math

import pytest

from apps.feedback.agreement import cohen_kappa, combined, fleiss_kappa, pairwise, raw_agreement


def repeated(counts):
    return [pair for pair, count in counts.items() for _ in range(count)]


class TestCohenKappa:
    def test_equals_the_case_worked_by_hand(self):
        # Observed (20 + 15) / 50 = 0.7; by chance 25 * 30 / 2500 + 25 * 20 / 2500 = 0.5.
        pairs = repeated({(1, 1): 20, (1, 0): 5, (0, 1): 10, (0, 0): 15})
        assert raw_agreement(pairs) == pytest.approx(0.7)
        assert cohen_kappa(pairs) == pytest.approx(0.4)

    def test_is_one_for_the_same_grades_and_below_zero_for_opposite_ones(self):
        assert cohen_kappa([(0, 0), (1, 1), (3, 3)]) == 1
        assert cohen_kappa([(0, 3), (3, 0)]) == -1

    def test_says_nothing_where_but_one_grade_was_given(self):
        assert math.isnan(cohen_kappa([(2, 2), (2, 2)]))


class TestFleissKappa:
    # Ten items, fourteen judges, five categories: how many judges chose each.
    COUNTS = [
        (0, 0, 0, 0, 14),
        (0, 2, 6, 4, 2),
        (0, 0, 3, 5, 6),
        (0, 3, 9, 2, 0),
        (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0),
        (3, 2, 6, 3, 0),
        (2, 5, 3, 2, 2),
        (6, 5, 2, 1, 0),
        (0, 2, 2, 3, 7),
    ]

    def test_equals_the_worked_example(self):
        items = [[grade for grade, count in enumerate(row) for _ in range(count)] for row in self.COUNTS]
        assert fleiss_kappa(items) == pytest.approx(0.210, abs=0.0005)

    def test_leaves_out_what_one_person_judged(self):
        both = [(0, 0), (3, 3), (1, 2)]
        assert fleiss_kappa([*both, (3,), (0,)]) == fleiss_kappa(both)

    def test_takes_items_with_different_numbers_of_judges(self):
        # Observed (1 + 1/3) / 2 = 2/3; grades 0, 0 | 0, 0, 1: by chance 0.8² + 0.2² = 0.68.
        assert fleiss_kappa([(0, 0), (0, 0, 1)]) == pytest.approx((2 / 3 - 0.68) / 0.32)

    def test_says_nothing_without_a_second_judge(self):
        assert math.isnan(fleiss_kappa([(1,), (2,)]))


class TestCombined:
    @pytest.mark.parametrize(
        ("grades", "majority", "mean"),
        [([2], 2, 2), ([3, 3, 0], 3, 2), ([1, 2], 1, 2), ([0, 0, 3, 3], 0, 2), ([1, 2, 3], 1, 2), ([0, 1, 0], 0, 0)],
    )
    def test_is_the_majority_with_the_lower_of_a_tie_or_the_mean_with_halves_up(self, grades, majority, mean):
        assert combined(grades, by="majority") == majority
        assert combined(grades, by="mean") == mean


class TestPairwise:
    def test_compares_those_who_judged_the_same(self):
        ana, ben, cy = {"a": 3, "b": 0, "c": 1}, {"a": 3, "b": 1}, {"z": 2}
        (pair,) = pairwise({"ana": ana, "ben": ben, "cy": cy})
        assert (pair.judges, pair.items, pair.percent) == (("ana", "ben"), 2, 50)
        # Observed 1/2; by chance 3 meets 3 in 1/4: (1/2 - 1/4) / (3/4).
        assert pair.kappa == pytest.approx(1 / 3)
