"""The module that is exported: a checkpoint with its pooling, tested before it is written."""

from typing import Any

import torch
from torch import Tensor, nn

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from workers.encoders.loading import load_model
from workers.encoders.pooling import pool
from workers.encoders.selftest import check_attention
from workers.encoders.tokenizing import TextTokenizer
from workers.encoders.torch_backend import hidden_states_of


class EmbeddingGraph(nn.Module):
    """(token ids, mask), both (B, T) -> unit vectors (B, D)."""

    def __init__(self, model: nn.Module, card: RetrieverCard) -> None:
        super().__init__()
        self.model: Any = model  # a transformers model: a module with a config
        self.card = card

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        options = {"use_cache": False} if self.card.architecture == "decoder" else {}
        states = self.model(input_ids=input_ids, attention_mask=attention_mask, **options).last_hidden_state
        return pool(states, attention_mask, pooling=self.card.pooling)


def load_graph(card: RetrieverCard, checkpoint: Checkpoint, *, attention: str = "sdpa") -> EmbeddingGraph:
    """Load `card` in full precision, proven to attend as it should."""
    model = load_model(card, checkpoint.path, dtype=torch.float32)
    graph = EmbeddingGraph(model, card)
    graph.model.set_attn_implementation(attention)
    check_attention(
        hidden_states_of(model, card=card, device=torch.device("cpu")), card, TextTokenizer(card, checkpoint.path)
    )
    return graph.eval()  # on the wrapper too, or the export switches dropout on


def example_inputs() -> dict[str, Tensor]:
    """Two texts, one of them padded: both sizes vary, and the mask matters."""
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[1, 5:] = 0
    return {"input_ids": torch.arange(3, 17).view(2, 7), "attention_mask": mask}
