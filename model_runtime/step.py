"""The one primitive that everything is computed with: some tokens behind what slots already hold.

Decoding is a row of one token; checking a draft, a row of the last token and the guessed ones; a
prefill, a row of many tokens of which only the last one's logits are wanted, if any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    from model_runtime.kv_cache.tensors import KVShape, KVTensors


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence's part of a step.

    slot, start: the tokens follow the first `start` positions of this slot. ids: at least one
    token. num_logits: for how many of the last tokens logits are wanted.
    """

    slot: int
    start: int
    ids: Sequence[int]
    num_logits: int = 1

    @property
    def end(self) -> int:
        """Positions that the slot holds afterwards."""
        return self.start + len(self.ids)


class CausalModel(Protocol):
    """A loaded model, whatever computes it. Not thread-safe: one thread owns it."""

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...

    @property
    def num_parameters(self) -> int: ...

    @property
    def kv_shape(self) -> KVShape: ...

    def forward(self, rows: Sequence[Row], kv: KVTensors) -> torch.Tensor:
        """Compute the rows' tokens; write their keys and values to the slots.

        Every slot may occur once. What a slot holds from `start` on is overwritten, what it held
        behind the row's end is worthless afterwards. Returns the wanted logits of all rows, one
        after the other: [sum of num_logits, vocabulary], in `dtype` or float32, on `device`; valid
        until the next call.
        """
