"""PyTorch, on a CPU or a GPU."""

from typing import Any

import torch
from torch import Tensor, nn

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from workers.encoders.base import Forward, TokenIds, Vectors
from workers.encoders.batched import BatchedEncoder, Capacity, proven_encoder
from workers.encoders.devices import best_precision, choose_device
from workers.encoders.loading import load_model
from workers.encoders.pooling import pool
from workers.encoders.selftest import Hidden, check_attention
from workers.encoders.tokenizing import TextTokenizer

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_TOKENS_ON_GPU = 65_536


def open_torch(
    card: RetrieverCard, checkpoint: Checkpoint, *, device: str = "auto", precision: str = "auto"
) -> BatchedEncoder:
    """Load `card` in `precision` (fp32, bf16, fp16; auto takes the fastest that is safe) and test it."""
    target = choose_device(device)
    precision = best_precision(target) if precision == "auto" else precision
    model = load_model(card, checkpoint.path, dtype=_DTYPES[precision]).to(target)
    hidden = hidden_states_of(model, card=card, device=target)
    check_attention(hidden, card, TextTokenizer(card, checkpoint.path))
    return proven_encoder(
        card,
        checkpoint,
        forward=forward_through(model, card=card, device=target),
        backend=f"torch-{precision}",
        capacity=Capacity() if target.type == "cpu" else Capacity(tokens=_TOKENS_ON_GPU),
    )


def forward_through(model: nn.Module, *, card: RetrieverCard, device: torch.device) -> Forward:
    def forward(ids: TokenIds, mask: TokenIds) -> Vectors:
        try:
            return _vectors(model, _tensors(ids, mask, device), card)
        except torch.OutOfMemoryError:
            pass  # what was allocated is only let go once this block is left
        except RuntimeError as error:
            if "can't allocate memory" not in str(error):
                raise
        if device.type == "cuda":
            torch.cuda.empty_cache()
        raise MemoryError(f"a batch of {ids.shape[0]} texts of {ids.shape[1]} tokens")

    return forward


def hidden_states_of(model: nn.Module, *, card: RetrieverCard, device: torch.device) -> Hidden:
    def hidden(ids: TokenIds, mask: TokenIds) -> Vectors:
        return _hidden_states(model, _tensors(ids, mask, device), card).float().cpu().numpy()

    return hidden


def _tensors(ids: TokenIds, mask: TokenIds, device: torch.device) -> dict[str, Tensor]:
    return {
        "input_ids": torch.from_numpy(ids).to(device),
        "attention_mask": torch.from_numpy(mask).to(device),
    }


def _vectors(model: nn.Module, batch: dict[str, Tensor], card: RetrieverCard) -> Vectors:
    hidden = _hidden_states(model, batch, card)
    return pool(hidden, batch["attention_mask"], pooling=card.pooling).cpu().numpy()


@torch.inference_mode()
def _hidden_states(model: nn.Module, batch: dict[str, Tensor], card: RetrieverCard) -> Tensor:
    """Return the last layer's states, (B, T, D)."""
    options: dict[str, Any] = {"use_cache": False} if card.architecture == "decoder" else {}
    return model(**batch, **options).last_hidden_state
