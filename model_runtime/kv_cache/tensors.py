"""The keys and values themselves: one K and one V tensor per layer, allocated once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class KVShape:
    """Sizes of a model's cache."""

    num_layers: int
    num_kv_heads: int
    head_dim: int

    def bytes_per_token(self, dtype: torch.dtype) -> int:
        """Memory that one token takes in all layers, keys and values."""
        return 2 * self.num_layers * self.num_kv_heads * self.head_dim * dtype.itemsize


class KVTensors:
    """keys[layer], values[layer]: [slots, kv_heads, capacity, head_dim].

    One tensor per layer and kind, so that an in-place write never makes a compiler copy the whole
    cache. Not initialized: attention reads no further than what has been written.
    """

    def __init__(
        self,
        shape: KVShape,
        num_slots: int,
        capacity: int,
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        size = (num_slots, shape.num_kv_heads, capacity, shape.head_dim)
        self.keys = [torch.empty(size, dtype=dtype, device=device) for _ in range(shape.num_layers)]
        self.values = [
            torch.empty(size, dtype=dtype, device=device) for _ in range(shape.num_layers)
        ]

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of slot `source` to slot `target`, in all layers."""
        for tensor in (*self.keys, *self.values):
            tensor[target, :, :length] = tensor[source, :, :length]

    def layer(self, index: int, slot: int) -> tuple[Tensor, Tensor]:
        """Views of one slot's keys and values in one layer: [kv_heads, capacity, head_dim]. Writing
        to them writes the cache.
        """
        return self.keys[index][slot], self.values[index][slot]
