"""Hidden states to one unit vector a text."""

import torch
from torch import Tensor
from torch.nn import functional as F

from apps.retrievers.card import Pooling


def pool(hidden: Tensor, mask: Tensor, *, pooling: Pooling) -> Tensor:
    """Return unit vectors (B, D) of hidden states (B, T, D); mask: (B, T), padding on the right."""
    return F.normalize(_POOLINGS[pooling](hidden.float(), mask), dim=-1)


def mean_of_tokens(hidden: Tensor, mask: Tensor) -> Tensor:
    weights = mask.unsqueeze(-1).to(hidden.dtype)  # (B, T, 1)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)  # (B, D)


def first_token(hidden: Tensor, mask: Tensor) -> Tensor:
    return hidden[:, 0]


def last_token(hidden: Tensor, mask: Tensor) -> Tensor:
    last = mask.sum(dim=1) - 1  # (B,)
    return hidden[torch.arange(len(hidden), device=hidden.device), last]


_POOLINGS = {"mean": mean_of_tokens, "cls": first_token, "last": last_token}
