from random import Random

import pytest

torch = pytest.importorskip("torch")

from workers.training.masking import TokenPredictor, blank_out

pytestmark = pytest.mark.torch


class Clock(torch.nn.Module):
    """A transformer whose state at position t is the t-th unit vector."""

    def forward(self, *, input_ids, attention_mask, use_cache):
        from types import SimpleNamespace

        return SimpleNamespace(last_hidden_state=torch.eye(8)[: input_ids.shape[1]].expand(len(input_ids), -1, -1))


class TestTokenPredictor:
    def test_tells_token_i_from_the_state_at_i_minus_one(self):
        predictor = TokenPredictor(Clock(), torch.eye(8))  # the scores of a token are the state itself
        ids = torch.zeros(2, 6, dtype=torch.long)
        logits = predictor(ids, torch.ones_like(ids), torch.tensor([[0, 1], [0, 4], [1, 5]]))
        assert logits.argmax(dim=1).tolist() == [0, 3, 4]


class TestBlankOut:
    def test_hides_about_the_share_and_remembers_what_stood_there(self):
        ids = list(range(100, 1100))
        row = blank_out(ids, share=0.2, blank=7, random=Random(0))
        assert 150 < len(row.places) < 250
        assert all(row.ids[place] == 7 for place in row.places)
        assert [ids[place] for place in row.places] == row.tokens
        assert sum(token == 7 for token in row.ids) == len(row.places)

    def test_never_hides_the_first_and_always_hides_one(self):
        rows = [blank_out([5, 6], share=0.01, blank=7, random=Random(seed)) for seed in range(20)]
        assert all(row.ids == [5, 7] and row.places == [1] for row in rows)
        assert blank_out([5], share=0.9, blank=7, random=Random(0)).places == []
