import numpy as np
import pytest

from apps.retrievers.intents import Intent
from workers.records import Triple
from workers.refinement.agreement import AgreementReport, agreed, concord, votes
from workers.refinement.examples import Example


def example(*positives, intent=Intent.QA):
    return Example(id="e", triple=Triple(query="q", intent=intent, positives=positives))


class TestVotes:
    def test_find_a_positive_good_down_to_rank_k(self):
        ranks = [np.array([1, 4]), np.array([3, 3]), np.array([4, 9])]  # three retrievers, two positives
        assert votes(ranks, top_k=3).tolist() == [[True, False], [True, True], [False, False]]


class TestAgreed:
    cast = np.array([[True, False, True], [True, False, False], [False, False, True]])

    def test_keeps_the_positives_that_enough_retrievers_find_good(self):
        kept = agreed(example("a", "b", "c"), self.cast, min_agree=2)
        assert kept.triple.positives == ("a", "c")
        assert kept.set_aside == ("b",)

    def test_keeps_none_where_unanimity_is_asked_for(self):
        assert agreed(example("a", "b", "c"), self.cast, min_agree=3) is None

    def test_keeps_the_scores_beside_their_texts(self):
        scored = Example(
            id="e",
            triple=Triple(query="q", intent=Intent.QA, positives=("a", "b", "c"), positive_scores=(0.1, 0.2, 0.3)),
        )
        assert agreed(scored, self.cast, min_agree=2).triple.positive_scores == (0.1, 0.3)


class TestAgreementReport:
    def test_tells_who_agrees_with_whom(self):
        report = AgreementReport(["bge", "e5", "gte"], min_agree=2)
        report.add(example("a", "b"), np.array([[True, False], [True, False], [True, True]]))
        report.add(example("c", "d", intent=Intent.NLI), np.array([[True, True], [False, True], [True, True]]))
        told = report.to_json()
        assert told["positives"] == {"NLI": {"all": 2, "kept": 2}, "QA": {"all": 2, "kept": 1}}
        assert told["votes"] == {"0": 0.0, "1": 0.25, "2": 0.25, "3": 0.5}
        assert told["found_good"] == {"bge": 0.75, "e5": 0.5, "gte": 1.0}
        first = told["pairs"][0]
        # They say the same of three in four; by chance 0.75·0.5 + 0.25·0.5 = 0.5, so kappa is 0.25 / 0.5.
        assert (first["retrievers"], first["same"], first["kappa"]) == (["bge", "e5"], 0.75, 0.5)

    def test_has_no_kappa_where_both_always_say_the_same(self):
        yes = np.array([True, True])
        assert concord(yes, yes, np.array([0.5, 0.5])) == {"same": 1.0, "kappa": None}

    def test_of_nothing_is_empty(self):
        assert AgreementReport(["bge"], min_agree=1).to_json()["found_good"] == {"bge": pytest.approx(0)}
