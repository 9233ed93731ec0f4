"""Tiny checkpoints with random weights, written as their tools write them."""

import re
import string
from dataclasses import replace

import pytest

from apps.retrievers.family import get_card

SENTENCES = [
    "Which levees failed during the flood?",
    "The north levee failed at noon and water reached the village.",
    "Shelters need blankets, drinking water and generators before the storm returns tonight.",
    "Evacuate now.",
    "",
]


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """The folder that the tiny checkpoints of this run lie in."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(2)
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="session")
def tiny_bert(checkpoints):
    """(card, folder) of a BERT of two layers."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=400, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    folder = checkpoints / "tiny-bert"
    _save(BertModel, config, folder)
    _word_piece_tokenizer().save(str(folder / "tokenizer.json"))
    return replace(get_card("DMRetriever-33M"), name="tiny-bert", dim=32, layers=2, max_tokens=24), folder


@pytest.fixture(scope="session")
def tiny_qwen3(checkpoints):
    """(card, folder) of a Qwen3 of two layers, saved as a causal language model's body."""
    from transformers import Qwen3Config, Qwen3Model

    config = Qwen3Config(
        vocab_size=400, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        head_dim=8, intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    folder = checkpoints / "tiny-qwen3"
    _save(Qwen3Model, config, folder)
    _byte_level_tokenizer().save(str(folder / "tokenizer.json"))
    return replace(get_card("DMRetriever-596M"), name="tiny-qwen3", dim=32, layers=2, max_tokens=24), folder


def _save(model_class, config, folder):
    """Write random weights large enough that attention is not uniform."""
    import torch

    torch.manual_seed(0)
    config.initializer_range = 0.2
    model_class(config).save_pretrained(folder)


def _word_piece_tokenizer():
    """A vocabulary written out, not trained: the trainer breaks ties anew in each run, and the model with it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = sorted({word for sentence in SENTENCES for word in re.findall(r"[a-z]+", sentence.lower())})
    characters = string.ascii_lowercase + string.digits
    pieces = [*string.punctuation, *characters, *(f"##{character}" for character in characters)]
    tokens = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces, *words])
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    # As published files do: padding and a length of their own, which the card's must overrule.
    tokenizer.enable_padding(length=40)
    tokenizer.enable_truncation(9)
    return tokenizer


def _byte_level_tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer
