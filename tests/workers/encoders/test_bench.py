import json
from dataclasses import replace

import pytest

from apps.retrievers.family import PACKAGED, get_card
from apps.retrievers.packaged import find_model
from apps.retrievers.tokens import token_counter
from workers.encoders.base import EncoderUnavailable

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def random_checkpoint(card, folder):
    from workers.encoders import stand_in  # here, so that collecting tests does not load torch

    return stand_in.random_checkpoint(card, folder)


class TestBench:
    def test_times_each_backend_against_sentence_transformers(self, tmp_path):
        from workers.encoders.bench import BASELINE, bench

        card = replace(get_card("DMRetriever-33M"), name="tiny", dim=64, layers=1)
        report = bench(card, random_checkpoint(card, tmp_path / "tiny"), backends=["torch-fp32"], rounds=1)
        found = json.loads(report.as_json())
        baseline, torch = found["backends"]
        assert (baseline["name"], torch["name"]) == (BASELINE, "torch-fp32")
        assert (baseline["passages_ratio"], baseline["queries_ratio"]) == (1, 1)
        assert torch["cosine"] > 0.99999
        assert torch["passages_per_s"] > 0
        assert "torch-fp32" in report.as_table()

    def test_its_texts_have_the_length_they_say(self):
        from workers.encoders.bench import texts

        count = token_counter(PACKAGED)
        assert {count(text) for text in texts(find_model(), tokens=256, count=4)} <= {255, 256}

    def test_counts_the_arithmetic_of_a_passage(self):
        from workers.encoders.bench import gflop_of_passage

        # 6 layers of 12 × 384² weights, 256 tokens; attention is 2 × 256 × 384 a token and layer
        assert gflop_of_passage(PACKAGED, find_model()) == pytest.approx(
            2 * 256 * 6 * (12 * 384**2 + 2 * 256 * 384) / 1e9
        )


class TestRandomCheckpoint:
    def test_a_decoder_has_no_stand_in(self, tmp_path):
        with pytest.raises(EncoderUnavailable, match="no stand-in for DMRetriever-4B"):
            random_checkpoint(get_card("DMRetriever-4B"), tmp_path)
