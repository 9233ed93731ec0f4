from math import exp, log

import pytest

torch = pytest.importorskip("torch")

from workers.training.losses import contrastive_loss, drift, kept_loss, teacher_loss

pytestmark = pytest.mark.torch
EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


class TestContrastiveLoss:
    def test_of_a_group_is_what_is_worked_out_by_hand(self):
        # Two groups of two. The first query scores 1 and 0, the second 0 and 1, over a temperature of 0.5:
        # -log(e² / (e² + 1)) = 0.1269 and -log(1 / (1 + e²)) = 2.1269; their mean is 1.1269.
        queries = torch.tensor([EAST, NORTH])
        passages = torch.tensor([EAST, NORTH, EAST, NORTH])
        own = torch.tensor([[True, True, False, False], [False, False, True, True]])
        loss = contrastive_loss(queries, passages, positives=torch.tensor([0, 2]), candidates=own, temperature=0.5)
        by_hand = (log(1 + exp(-2)) + log(1 + exp(2))) / 2
        assert loss.item() == pytest.approx(by_hand, abs=1e-6) == pytest.approx(1.1269, abs=1e-4)

    def test_with_the_batch_as_candidates_compares_with_all_of_it(self):
        queries = torch.tensor([EAST, NORTH])
        passages = torch.tensor([EAST, NORTH])
        everything = torch.ones(2, 2, dtype=torch.bool)
        loss = contrastive_loss(
            queries, passages, positives=torch.tensor([0, 1]), candidates=everything, temperature=1.0
        )
        assert loss.item() == pytest.approx(log(1 + exp(-1)), abs=1e-6)


class TestTeacherLoss:
    def test_is_nothing_where_the_model_agrees_with_its_teacher(self):
        groups = torch.tensor([[EAST, NORTH]])
        agreed = teacher_loss(
            torch.tensor([EAST]), groups, torch.tensor([[1.0, 0.0]]), temperature=0.5, teacher_temperature=0.5
        )
        assert agreed.item() == pytest.approx(0, abs=1e-6)

    def test_grows_with_the_disagreement_and_leaves_out_what_the_teacher_did_not_score(self):
        queries, groups = torch.tensor([EAST]), torch.tensor([[EAST, NORTH, NORTH]])
        teacher = torch.tensor([[0.0, 1.0, float("-inf")]])
        loss = teacher_loss(queries, groups, teacher, temperature=1.0, teacher_temperature=1.0)
        # KL between (1, e) / (1 + e) and (e, 1) / (1 + e): (e - 1) / (e + 1)
        assert loss.item() == pytest.approx((exp(1) - 1) / (exp(1) + 1), abs=1e-6)

    def test_is_of_the_queries_that_the_teacher_scored(self):
        queries = torch.tensor([EAST, EAST], requires_grad=True)
        groups = torch.tensor([[EAST, NORTH], [EAST, NORTH]])
        unscored = [float("-inf")] * 2
        dials = {"temperature": 1.0, "teacher_temperature": 1.0}
        loss = teacher_loss(queries, groups, torch.tensor([[0.0, 1.0], unscored]), **dials)
        assert loss.item() == pytest.approx((exp(1) - 1) / (exp(1) + 1), abs=1e-6)  # as worked out above
        loss.backward()
        assert queries.grad.isfinite().all()
        assert queries.grad[1].tolist() == [0.0, 0.0]
        assert teacher_loss(queries, groups, torch.tensor([unscored, unscored]), **dials).item() == 0


class TestKeptLoss:
    def test_is_nothing_where_the_scores_are_still_the_starts(self):
        queries, passages = torch.tensor([EAST, NORTH]), torch.tensor([EAST, NORTH])
        kept = kept_loss(queries, passages, torch.eye(2), temperature=0.5)
        assert kept.item() == pytest.approx(0, abs=1e-6)

    def test_is_the_divergence_from_the_starts_distribution(self):
        kept = kept_loss(torch.tensor([EAST]), torch.tensor([EAST, NORTH]), torch.tensor([[0.0, 1.0]]), temperature=1.0)
        assert kept.item() == pytest.approx((exp(1) - 1) / (exp(1) + 1), abs=1e-6)  # as worked out above


class TestDrift:
    def test_is_the_mean_of_one_minus_the_cosine(self):
        assert drift(torch.tensor([EAST, NORTH]), torch.tensor([EAST, EAST])).item() == pytest.approx(0.5)
