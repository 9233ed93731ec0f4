import json

import numpy as np
import pytest

from workers.encoders.hashing import HashingEncoder
from workers.evaluation.vectors import main


@pytest.fixture
def embed(tmp_path):
    def embed(*texts, model="hashing"):
        source, target = tmp_path / "texts.jsonl", tmp_path / "vectors.npy"
        source.write_text("".join(json.dumps(text) + "\n" for text in texts))
        status = main([str(source), str(target), "--model", model, "--folder", str(tmp_path / "state")])
        return status, np.load(target) if target.exists() else None

    return embed


class TestVectors:
    def test_are_a_row_a_line_in_their_order(self, embed):
        texts = ["the levee failed", "a line\nbreak", "the levee failed"]
        status, vectors = embed(*texts)
        assert status == 0
        np.testing.assert_allclose(vectors, HashingEncoder().encode(texts), rtol=1e-6)

    def test_of_nothing_are_an_empty_array(self, embed):
        assert embed()[1].shape == (0, HashingEncoder().card.dim)

    def test_come_out_of_the_store_the_second_time(self, embed, tmp_path):
        embed("once")
        (keys,) = tmp_path.glob("state/embeddings/*/keys")
        size = keys.stat().st_size
        embed("once")
        assert keys.stat().st_size == size

    def test_of_an_unknown_model_say_so(self, embed, capsys):
        status, vectors = embed("x", model="nothing")
        assert (status, vectors) == (1, None)
        assert "No retriever is called 'nothing'" in capsys.readouterr().err
