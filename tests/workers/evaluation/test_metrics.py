import random

import ir_measures
import pytest
from ir_measures import nDCG

from workers.evaluation.metrics import (
    NDCG,
    TREC_MEASURES,
    disastir_ndcg,
    macro_mean,
    score_run,
    task_means,
)


def random_run_and_qrels(seed):
    chance = random.Random(seed)
    passages = [f"p{number}" for number in range(150)]
    qrels = {
        f"q{number}": {p: chance.randint(0, 3) for p in chance.sample(passages, chance.randint(1, 40))}
        for number in range(20)
    }
    run = {query_id: chance.sample(passages, chance.randint(0, 120)) for query_id in qrels}
    return run, qrels


class TestDisastirNdcg:
    def test_halves_towards_the_logarithm_of_the_rank(self):
        assert disastir_ndcg(["other", "wanted"], {"wanted": 1}) == pytest.approx(0.6309, abs=1e-4)

    def test_gains_are_exponential_in_the_grade(self):
        """Found 3, 0, 1: 7/1 + 1/2 = 7.5. Ideal 3, 2, 1: 7/1 + 3/log2(3) + 1/2 = 9.39279."""
        grades = {"perfect": 3, "high": 2, "related": 1}
        assert disastir_ndcg(["perfect", "unjudged", "related"], grades) == pytest.approx(7.5 / 9.39279)

    def test_the_ideal_counts_judgments_that_were_never_found(self):
        """One of two found at the top: 1 / (1 + 1/log2(3)) = 0.61315."""
        assert disastir_ndcg(["a"], {"a": 1, "b": 1}) == pytest.approx(0.61315, abs=1e-5)

    def test_the_ideal_stops_at_k(self):
        grades = {f"p{number}": 2 for number in range(30)}
        assert disastir_ndcg(list(grades)[:10], grades) == pytest.approx(1.0)

    def test_nothing_below_rank_k_counts(self):
        assert disastir_ndcg([f"p{n}" for n in range(10)] + ["wanted"], {"wanted": 3}) == 0

    def test_a_query_whose_judgments_are_all_zero_scores_zero(self):
        assert disastir_ndcg(["a"], {"a": 0}) == 0

    def test_a_negative_grade_is_worth_nothing(self):
        assert disastir_ndcg(["spam", "good"], {"spam": -2, "good": 1}) == pytest.approx(0.6309, abs=1e-4)

    @pytest.mark.parametrize("seed", range(5))
    def test_equals_trec_eval_when_it_is_told_the_same_gains(self, seed):
        run, qrels = random_run_and_qrels(seed)
        measure = nDCG(gains={0: 0, 1: 1, 2: 3, 3: 7}) @ 10
        scored = {q: {p: -float(rank) for rank, p in enumerate(ranking)} for q, ranking in run.items()}
        for theirs in ir_measures.iter_calc([measure], qrels, scored):
            ours = disastir_ndcg(run[theirs.query_id], qrels[theirs.query_id])
            assert ours == pytest.approx(theirs.value, abs=1e-6)


class TestScoreRun:
    def test_works_the_hand_worked_case(self):
        """Relevant at ranks 2 and 4 of three relevant; AP = (1/2 + 2/4) / 3."""
        run = {"q": ["n1", "r1", "n2", "r2"]}
        scores = score_run(run, {"q": {"r1": 1, "r2": 2, "r3": 1, "n1": 0}})["q"]
        assert scores["mrr@10"] == pytest.approx(0.5)
        assert scores["map"] == pytest.approx(1 / 3)
        assert scores["recall@10"] == pytest.approx(2 / 3)
        # linear gain: (1/log2(3) + 2/log2(5)) / (2 + 1/log2(3) + 1/2)
        assert scores["ndcg_linear@10"] == pytest.approx(0.47662, abs=1e-5)

    @pytest.mark.parametrize("seed", range(5))
    def test_equals_the_library_on_random_runs(self, seed):
        run, qrels = random_run_and_qrels(seed)
        ours = score_run(run, qrels)
        scored = {q: {p: 1 / (rank + 1) for rank, p in enumerate(ranking)} for q, ranking in run.items()}
        for name, measure in TREC_MEASURES.items():
            for theirs in measure.iter_calc(qrels, scored):
                assert ours[theirs.query_id][name] == pytest.approx(theirs.value)

    def test_keeps_the_order_of_the_run_where_trec_eval_would_sort_by_id(self):
        """With equal scores trec_eval would put "z" first; the run says it comes second."""
        assert score_run({"q": ["a", "z"]}, {"q": {"z": 1}})["q"]["mrr@10"] == 0.5

    def test_a_judged_query_that_the_run_lacks_scores_zero(self):
        scores = score_run({"answered": ["p"]}, {"answered": {"p": 1}, "missing": {"p": 1}})
        assert set(scores["missing"].values()) == {0.0}
        assert scores["answered"][NDCG] == 1.0

    def test_a_query_with_no_judgment_is_left_out(self):
        assert score_run({"q": ["p"]}, {"q": {}}) == {}


class TestAverages:
    def test_events_weigh_the_same_however_many_queries_they_have(self):
        values = {"flood-1": 1.0, "flood-2": 0.0, "flood-3": 0.5, "quake-1": 1.0}
        tasks = {query_id: ("QA", query_id.split("-")[0]) for query_id in values}
        means = task_means(values, tasks)
        assert means == {("QA", "flood"): 0.5, ("QA", "quake"): 1.0}
        assert macro_mean(means) == {"QA": 0.75}

    def test_intents_are_kept_apart(self):
        assert macro_mean({("QA", "Bio"): 0.2, ("STS", "Bio"): 0.4}) == {"QA": 0.2, "STS": 0.4}
