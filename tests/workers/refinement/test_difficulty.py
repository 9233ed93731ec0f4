import numpy as np
import pytest

from apps.retrievers.intents import Intent
from workers.refinement.difficulty import difficulty, levels
from workers.refinement.rankings import Ranking


def ranking(scores, positive_scores):
    return Ranking(
        queries=np.zeros((1, 2), np.float32),
        scores=np.array([scores], np.float32),
        rows=np.arange(len(scores))[None],
        positive_scores=(np.array(positive_scores, np.float32),),
    )


class TestDifficulty:
    def test_is_below_zero_where_the_positive_wins(self):
        assert difficulty(ranking([0.8, 0.6, 0.4], [0.9]), 0) == pytest.approx(-0.1)  # log2(1) - (0.9 - 0.8)

    def test_grows_by_one_with_each_doubling_of_the_rank(self):
        assert difficulty(ranking([0.8, 0.6, 0.4], [0.7]), 0) == pytest.approx(1.1)  # log2(2) - (0.7 - 0.8)
        assert difficulty(ranking([0.8, 0.7, 0.6], [0.1]), 0) == pytest.approx(2.7)  # beyond all: rank K + 1 = 4

    def test_is_the_mean_over_the_positives(self):
        assert difficulty(ranking([0.8, 0.6, 0.4], [0.9, 0.7]), 0) == pytest.approx(0.5)  # (-0.1 + 1.1) / 2

    def test_where_there_is_no_other_passage_is_the_lowest(self):
        assert difficulty(ranking([-np.inf], [0.5]), 0) == pytest.approx(-1.5)


class TestLevels:
    def test_are_parts_of_one_size_from_easy_to_hard(self):
        assert levels([5, 1, 3, 2, 6, 4], [Intent.QA] * 6, count=3) == [2, 0, 1, 0, 2, 1]

    def test_are_cut_within_each_intent(self):
        intents = [Intent.QA, Intent.QA, Intent.TWITTER, Intent.TWITTER]
        assert levels([0.1, 0.2, 7, 9], intents, count=2) == [0, 1, 0, 1]
