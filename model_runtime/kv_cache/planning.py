"""How much memory the KV cache takes, and how many slots of what length that makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import psutil
import torch

from model_runtime.api import OutOfMemory
from model_runtime.failures import memory_failure
from model_runtime.kv_cache.memory_share import MemoryShare
from model_runtime.kv_cache.tensors import KVShape, KVTensors

MAX_SLOTS = 32
_FEW_SLOTS = 4
_MODEST_CONTEXT = 4096
_LEAST_CONTEXT = 1024
# Of what is free once the weights are loaded. Nobody else needs much of a GPU's.
_GPU_SHARE = 0.8
_RAM_SHARE = 0.25


def free_memory(device: torch.device) -> int:
    """Bytes that nobody uses on `device`; of the host for all that are no CUDA devices."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def cache_budget(device: torch.device, share: MemoryShare) -> int:
    """Bytes that the KV cache may take on `device`, which holds the model's weights already."""
    default = _GPU_SHARE if device.type == "cuda" else _RAM_SHARE
    return share.of(free_memory(device), default)


def plan_cache(
    budget: int, bytes_per_token: int, context_length: int, *, max_slots: int = MAX_SLOTS
) -> tuple[int, int]:
    """How long and how many the slots are: (tokens per slot, slots).

    budget: bytes for all of them. Several files are open more often than one needs a long context,
    so the slots become shorter before they become fewer than four; at least one remains.
    """
    capacity = context_length

    def num_slots() -> int:
        return budget // (bytes_per_token * capacity)

    while (num_slots() < _FEW_SLOTS and capacity > _MODEST_CONTEXT) or (
        num_slots() < 1 and capacity > _LEAST_CONTEXT
    ):
        capacity //= 2
    return capacity, max(1, min(max_slots, num_slots()))


def shared_cache_budget(devices: Sequence[torch.device], share: MemoryShare) -> int:
    """The same for a model whose layers lie on these devices: what leaves none of them short."""
    per_layer = (
        cache_budget(device, share) // num_layers for device, num_layers in Counter(devices).items()
    )
    return min(per_layer) * len(devices)


def allocate(
    shape: KVShape,
    num_slots: int,
    capacity: int,
    *,
    dtype: torch.dtype,
    device: torch.device | Sequence[torch.device],
) -> KVTensors:
    """The cache's tensors with `num_slots` slots, or with fewer where the memory turns out not to
    suffice: what is free need not be free in one piece. Raises OutOfMemory if not even one fits.
    """
    while num_slots > 0:
        kv = _try_allocate(shape, num_slots, capacity, dtype, device)
        if kv is not None:
            return kv
        num_slots //= 2
    size = capacity * shape.bytes_per_token(dtype)
    raise OutOfMemory(
        f"There is no room for the KV cache: {capacity} tokens take {size / 2**20:.0f} MiB.",
        "Close other programs, or choose a smaller model, a lower precision or another device.",
    )


def _try_allocate(
    shape: KVShape,
    num_slots: int,
    capacity: int,
    dtype: torch.dtype,
    device: torch.device | Sequence[torch.device],
) -> KVTensors | None:
    try:
        return KVTensors(shape, num_slots, capacity, dtype=dtype, device=device)
    except (MemoryError, RuntimeError) as error:
        if memory_failure(error) is None:
            raise
    # What the failed attempt had reserved goes with its error, which ends above.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
