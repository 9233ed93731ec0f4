from random import Random

import numpy as np
import pytest

from workers.refinement.negatives import Candidates, ceilings, choose


def scored(*scores, rows=None):
    """Candidates of one teacher, or with lists of several."""
    matrix = np.atleast_2d(np.array(scores, np.float32))
    return Candidates(np.arange(matrix.shape[1]) if rows is None else np.array(rows), matrix)


class TestGuard:
    def test_drops_what_scores_above_its_share_of_the_positive(self):
        safe = scored(0.9, 0.77, 0.75, 0.1).safe(ceilings(np.array([0.8], np.float32), guard=0.95))  # 0.95 · 0.8 = 0.76
        assert safe.rows.tolist() == [2, 3]

    def test_listens_to_every_teacher(self):
        found = scored([0.7, 0.5, 0.3], [0.2, 0.8, 0.1])
        safe = found.safe(ceilings(np.array([0.6, 0.5], np.float32), guard=0.95))
        assert safe.rows.tolist() == [2]  # the first teacher suspects row 0, the second row 1
        assert safe.mean_scores.tolist() == pytest.approx([0.2])

    def test_stays_below_a_positive_that_scores_below_zero(self):
        safe = scored(-0.15, -0.205, -0.22).safe(ceilings(np.array([-0.2], np.float32), guard=0.95))
        assert safe.rows.tolist() == [2]  # -0.2 - 0.05 · 0.2 = -0.21


class TestChoose:
    ten = scored(*(1 - number / 10 for number in range(10)))

    def rows(self, safe, band, count, *, first=(), seed=0):
        return choose(safe, band=band, count=count, first=first, random=Random(seed)).rows.tolist()

    def test_takes_passages_of_the_band_only(self):
        drawn = [self.rows(self.ten, (3, 6), 3, seed=seed) for seed in range(20)]
        assert {row for rows in drawn for row in rows} == {2, 3, 4, 5}
        assert all(len(set(rows)) == 3 for rows in drawn)

    def test_puts_the_best_first(self):
        assert self.rows(self.ten, (1, 4), 4) == [0, 1, 2, 3]

    def test_goes_on_below_a_band_that_is_too_short_and_then_above(self):
        assert self.rows(self.ten, (5, 6), 4) == [4, 5, 6, 7]
        assert self.rows(self.ten, (9, 10), 4) == [6, 7, 8, 9]

    def test_takes_all_where_there_are_fewer(self):
        assert self.rows(scored(0.5, 0.4), (16, 100), 9) == [0, 1]

    def test_keeps_the_negatives_that_were_written_for_the_query(self):
        assert self.rows(self.ten, (1, 2), 2, first=[9])[-1] == 9

    def test_draws_the_same_for_the_same_seed(self):
        assert self.rows(self.ten, (1, 10), 3, seed=1) == self.rows(self.ten, (1, 10), 3, seed=1)
