"""A checkpoint of a card's shape with random weights: to time a model whose files are not here."""

from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from apps.retrievers.packaged import find_model
from workers.encoders.base import EncoderUnavailable
from workers.encoders.export import write_folder

_HEAD_DIM = {384: 32}  # MiniLM's heads are half as wide as BERT's 64


def random_checkpoint(card: RetrieverCard, folder: Path) -> Checkpoint:
    """Write a BERT of `card`'s layers and width, with the packaged model's vocabulary."""
    vocabulary = find_model()
    if vocabulary is None or card.architecture != "encoder":
        raise EncoderUnavailable(f"There is no stand-in for {card.name}: its tokenizer is not here.")
    config = BertConfig(
        hidden_size=card.dim,
        num_hidden_layers=card.layers,
        num_attention_heads=card.dim // _HEAD_DIM.get(card.dim, 64),
        intermediate_size=4 * card.dim,
    )
    torch.manual_seed(0)
    write_folder(BertModel(config), card, tokenizer_from=vocabulary, folder=folder)
    return Checkpoint(path=folder, revision="random-weights")
