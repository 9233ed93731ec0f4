"""Losses of vectors. Pure: no device, no precision, no file."""

from torch import Tensor
from torch.nn import functional as F


def contrastive_loss(
    queries: Tensor, passages: Tensor, *, positives: Tensor, candidates: Tensor, temperature: float
) -> Tensor:
    """InfoNCE: pick each query's positive out of its candidates.

    queries (Q, D) and passages (P, D) of unit length; positives (Q,): the place of each query's positive;
    candidates (Q, P): which passages a query is compared with, its positive among them. With the own group as
    candidates this is the paper's loss of stage 3, with all positives of the batch that of stage 2.
    """
    scores = queries @ passages.T / temperature  # (Q, P)
    return F.cross_entropy(scores.masked_fill(~candidates, float("-inf")), positives)


def teacher_loss(
    queries: Tensor, groups: Tensor, teacher: Tensor, *, temperature: float, teacher_temperature: float
) -> Tensor:
    """KL divergence from the teacher's distribution over a group to ours, the mean over the queries that it scored.

    queries (Q, D); groups (Q, G, D); teacher (Q, G): its scores, -inf where it gave none.
    """
    scored = teacher.isfinite().any(dim=-1)
    queries, groups, teacher = queries[scored], groups[scored], teacher[scored]
    ours = (queries.unsqueeze(1) @ groups.transpose(1, 2)).squeeze(1) / temperature  # (Q, G)
    ours = ours.masked_fill(teacher.isneginf(), float("-inf"))
    divergence = F.kl_div(
        F.log_softmax(ours, dim=-1).nan_to_num(neginf=0.0),
        F.softmax(teacher / teacher_temperature, dim=-1),
        reduction="sum",
    )
    return divergence / scored.sum().clamp(min=1)


def kept_loss(queries: Tensor, passages: Tensor, start: Tensor, *, temperature: float) -> Tensor:
    """KL divergence from the start's distribution over all passages of the batch to ours.

    queries (Q, D); passages (P, D); start (Q, P): the scores by the model it starts from.
    """
    ours = F.log_softmax(queries @ passages.T / temperature, dim=-1)
    return F.kl_div(ours, F.softmax(start / temperature, dim=-1), reduction="batchmean")


def drift(vectors: Tensor, start: Tensor) -> Tensor:
    """Return how far the vectors (N, D) have turned from those of the start: the mean of 1 - cosine."""
    return 1 - (vectors * start).sum(dim=-1).mean()
