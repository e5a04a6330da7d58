"""How much memory the KV cache takes, and how many slots of what length that makes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psutil
import torch

from model_runtime.api import OutOfMemory, RuntimeFailure
from model_runtime.failures import memory_failure
from model_runtime.kv_cache.tensors import KVShape, KVTensors

MAX_SLOTS = 32
_FEW_SLOTS = 4
_MODEST_CONTEXT = 4096
_LEAST_CONTEXT = 1024
# Of what is free once the weights are loaded. Nobody else needs much of a GPU's.
_GPU_SHARE = 0.8
_RAM_SHARE = 0.25
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[kmgt]i?b?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """What `--kv-memory` asks for: so many bytes, or a part of what is free. Neither means that the
    device decides.
    """

    num_bytes: int | None = None
    fraction: float | None = None

    def of(self, free: int, default: float) -> int:
        """Bytes to take where `free` are free; never more. default: the fraction if nothing was
        asked for.
        """
        if self.num_bytes is not None:
            return min(self.num_bytes, free)
        return int(free * (default if self.fraction is None else self.fraction))


def parse_memory(text: str) -> MemoryShare:
    """Read `auto`, a part of the free memory (`50%`) or an amount (`4GiB`, `512MB`; `4G` means
    GiB). Raises RuntimeFailure for anything else.
    """
    words = text.strip()
    if words.lower() == "auto":
        return MemoryShare()
    match = _AMOUNT.fullmatch(words)
    if match is None or float(match[1]) == 0:
        raise _unreadable(text)
    amount, unit = float(match[1]), match[2].lower()
    if unit != "%":
        return MemoryShare(num_bytes=int(amount * _unit_bytes(unit)))
    if amount > 100:
        raise _unreadable(text)
    return MemoryShare(fraction=amount / 100)


def cache_budget(device: torch.device, share: MemoryShare) -> int:
    """Bytes that the KV cache may take on `device`, which holds the model's weights already."""
    if device.type == "cuda":
        return share.of(torch.cuda.mem_get_info(device)[0], _GPU_SHARE)
    return share.of(psutil.virtual_memory().available, _RAM_SHARE)


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


def allocate(
    shape: KVShape, num_slots: int, capacity: int, *, dtype: torch.dtype, device: torch.device
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
    shape: KVShape, num_slots: int, capacity: int, dtype: torch.dtype, device: torch.device
) -> KVTensors | None:
    try:
        return KVTensors(shape, num_slots, capacity, dtype=dtype, device=device)
    except (MemoryError, RuntimeError) as error:
        if memory_failure(error) is None:
            raise
    # What the failed attempt had reserved goes with its error, which ends above.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def _unit_bytes(unit: str) -> int:
    power = "kmgt".index(unit[0]) + 1
    base = 1000 if unit[1:] == "b" else 1024
    num_bytes: int = base**power
    return num_bytes


def _unreadable(text: str) -> RuntimeFailure:
    return RuntimeFailure(
        f"{text!r} is no amount of memory for the KV cache.",
        "Use auto, an amount such as 4GiB or 512MB, or a part of what is free, such as 50%.",
    )
