"""The processors of a run: one process each, started by torchrun or accelerate; one alone by itself."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import DistributedType
from torch import Tensor

from workers.training.recipe import Model

T = TypeVar("T")
_SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)


def open_devices(model: Model) -> Accelerator:
    """Join the processes of this run. Several passes go before one way back, so buffers are not sent in between."""
    precision = "bf16" if model.precision == "bf16" else "no"
    return Accelerator(
        mixed_precision=precision, kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)]
    )


def micro_tokens(wanted: int, accelerator: Accelerator) -> int:
    """Return how many padded tokens go through the model at once: few on a CPU, whose cache is small."""
    return wanted or (1_280 if accelerator.device.type == "cpu" else 65_536)


def equal_parts(parts: int, accelerator: Accelerator) -> int | None:
    """Return how many parts each process must make where a model lies over several devices; None where it does not.

    There every pass is taken together, so all need the most that any of them needs.
    """
    if accelerator.distributed_type not in _SHARDED:
        return None
    counts = accelerator.gather(torch.tensor([parts], device=accelerator.device))
    return int(counts.max())


def own_share(items: Sequence[T], accelerator: Accelerator) -> Sequence[T]:
    """Return this process's part of a batch: equal, consecutive parts in the order of the processes."""
    size = len(items) // accelerator.num_processes
    return items[accelerator.process_index * size : (accelerator.process_index + 1) * size]


def gathered(own: Tensor, accelerator: Accelerator, *, counts: Sequence[int]) -> Tensor:
    """Return the rows of all processes, in their order; only our own carry a gradient.

    own (N, D); counts: how many rows each process has.
    """
    if accelerator.num_processes == 1:
        return own
    most = max(counts)
    padded = torch.cat([own.detach(), own.new_zeros(most - len(own), own.shape[1])])
    rows = list(accelerator.gather(padded).split(most))
    parts = [part[:count] for part, count in zip(rows, counts, strict=True)]
    parts[accelerator.process_index] = own
    return torch.cat(parts)
