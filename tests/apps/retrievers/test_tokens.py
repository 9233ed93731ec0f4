import pytest

from apps.retrievers.checkpoints import CheckpointMissing
from apps.retrievers.family import HASHING, PACKAGED, get_card
from apps.retrievers.tokens import token_counter


class TestTokenCounter:
    def test_counts_word_pieces_and_the_two_special_tokens(self):
        # [CLS] the lev ##ee failed [SEP]
        assert token_counter(PACKAGED)("The levee failed") == 6

    def test_neither_pads_nor_cuts(self):
        count = token_counter(PACKAGED)
        assert count("flood") == 3
        assert count("flood " * 1_000) == 1_002

    def test_the_stand_in_counts_words(self):
        assert token_counter(HASHING)("The levee failed") == 5

    def test_a_model_without_files_says_so(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
        with pytest.raises(CheckpointMissing):
            token_counter(get_card("DMRetriever-4B"))

    def test_a_checkpoint_without_a_tokenizer_says_so(self, tmp_path):
        (tmp_path / "config.json").write_text('{"hidden_size": 384, "num_hidden_layers": 12}')
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        with pytest.raises(CheckpointMissing, match=r"no tokenizer\.json"):
            token_counter(get_card("DMRetriever-33M"), folder=tmp_path)

    def test_a_tokenizer_that_was_cut_off_says_so(self, tmp_path):
        (tmp_path / "config.json").write_text('{"hidden_size": 384, "num_hidden_layers": 12}')
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "trunc')
        with pytest.raises(CheckpointMissing, match=r"tokenizer\.json cannot be read .* was it cut off"):
            token_counter(get_card("DMRetriever-33M"), folder=tmp_path)
