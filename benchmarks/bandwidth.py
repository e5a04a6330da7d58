"""How fast this machine reads memory, and how much of it a decoding step has to read.

A sum over a buffer is the plainest thing that reads every byte once: torch's runs at the speed of a
hand-written loop. The buffer is as large as what the step reads, because a small model may fit a
cache that a large one does not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from model_runtime.kv_cache.tensors import KVShape
from model_runtime.model import Layer, Weights

_LARGEST_BUFFER = 1 << 30
_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Format:
    """Bytes per number: of a weight matrix (its scales shared out) and of keys and values."""

    weight_bytes: float
    kv_bytes: int


class ReadSpeed:
    """Reads buffers on a device, and keeps one of them for the next time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._buffer = torch.empty(0, device=device)

    def read_ms(self, num_bytes: int) -> float:
        """Milliseconds that reading so many bytes takes: the median of a few times. More than
        1 GiB is extrapolated from 1 GiB.
        """
        size = min(num_bytes, _LARGEST_BUFFER)
        buffer = self._of_size(size)
        buffer.sum().item()
        times = []
        for _ in range(_REPEATS):
            began = time.perf_counter()
            buffer.sum().item()
            times.append(1000 * (time.perf_counter() - began))
        return sorted(times)[_REPEATS // 2] * num_bytes / size

    def _of_size(self, num_bytes: int) -> torch.Tensor:
        count = max(1, num_bytes // 4)
        if len(self._buffer) < count:
            self._buffer = torch.zeros(count, device=self._device)
        return self._buffer[:count]


def bytes_read(weights: Weights, kv: KVShape, context: int, stored: Format) -> int:
    """Bytes that one decoding step must read: every matrix and norm once (of the embedding one row,
    which is left out, unless it is the head as well), and keys and values of `context` tokens.
    """
    matrices = sum(map(_matrix_numbers, weights.layers)) + weights.head.numel()
    norms = weights.norm.numel() * (2 * len(weights.layers) + 1)
    cached = 2 * kv.num_layers * kv.num_kv_heads * kv.head_dim * context
    return round(matrices * stored.weight_bytes + norms * 4 + cached * stored.kv_bytes)


def _matrix_numbers(layer: Layer) -> int:
    matrices = (layer.qkv, layer.attention_out, layer.gate_up, layer.down)
    return sum(matrix.numel() for matrix in matrices)
