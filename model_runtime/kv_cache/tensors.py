"""The keys and values themselves: one K and one V tensor per layer, allocated once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model_runtime.failures import memory_failure


@dataclass(frozen=True, slots=True)
class KVShape:
    """Sizes of a model's cache. value_dim: of a head's values; 0: as many as its keys."""

    num_layers: int
    num_kv_heads: int
    head_dim: int
    value_dim: int = 0

    def bytes_per_token(self, dtype: torch.dtype) -> int:
        """Memory that one token takes in all layers, keys and values."""
        numbers = self.head_dim + (self.value_dim or self.head_dim)
        return self.num_layers * self.num_kv_heads * numbers * dtype.itemsize


class KVTensors:
    """keys[layer], values[layer]: [slots, kv_heads, capacity, head_dim or value_dim].

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
        device: torch.device | Sequence[torch.device],
    ) -> None:
        """device: of all layers, or of each."""
        size = (num_slots, shape.num_kv_heads, capacity)
        of_keys, of_values = (*size, shape.head_dim), (*size, shape.value_dim or shape.head_dim)
        devices = [device] * shape.num_layers if isinstance(device, torch.device) else device
        self.keys = [torch.empty(of_keys, dtype=dtype, device=where) for where in devices]
        self.values = [torch.empty(of_values, dtype=dtype, device=where) for where in devices]

    @property
    def num_slots(self) -> int:
        return len(self.keys[0])

    @property
    def capacity(self) -> int:
        """Positions of each slot."""
        return self.keys[0].shape[2]

    def keep(self, indices: Sequence[int]) -> None:
        """Keep only these slots, in this order: old slot indices[i] becomes slot i.

        Frees the memory of the others, one tensor after the other, so that no more than one
        tensor's worth is needed in between: on the device, or on the host where that is full. All
        views and addresses of before are invalid afterwards, captured graphs included. If this
        raises, contents are lost.
        """
        for tensors in (self.keys, self.values):
            for layer in range(len(tensors)):
                _keep_rows(tensors, layer, indices)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of slot `source` to slot `target`, in all layers."""
        for tensor in (*self.keys, *self.values):
            tensor[target, :, :length] = tensor[source, :, :length]

    def layer(self, index: int, slot: int) -> tuple[Tensor, Tensor]:
        """Views of one slot's keys and values in one layer: [kv_heads, capacity, head_dim]. Writing
        to them writes the cache.
        """
        return self.keys[index][slot], self.values[index][slot]


def _keep_rows(tensors: list[Tensor], layer: int, indices: Sequence[int]) -> None:
    try:
        tensors[layer] = _pick(tensors[layer], indices)
    except (MemoryError, RuntimeError) as error:
        if memory_failure(error) is None:
            raise
    else:
        return
    device = tensors[layer].device
    on_host = torch.stack([tensors[layer][index].cpu() for index in indices])
    tensors[layer] = torch.empty(0)
    tensors[layer] = on_host.to(device)


def _pick(tensor: Tensor, indices: Sequence[int]) -> Tensor:
    return tensor[list(indices)]
