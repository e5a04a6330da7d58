"""Which tokens lie in which slot of the KV cache, and what of them a new prompt can use again.
Torch-free.

A slot is a contiguous stretch of the cache for one sequence. Its token list says for which tokens
keys and values have been computed; after a request the list stays, so that the next prompt computes
only what follows their longest common prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

# A slot whose other tokens would be lost is left alone unless the new prompt shares at least this
# part of it.
_SHARED_ENOUGH = 0.5

TokenArray = npt.NDArray[np.int32]


@dataclass(slots=True)
class Slot:
    """One sequence's place in the cache; `len` tokens of `tokens` are valid."""

    index: int
    tokens: TokenArray
    len: int = 0
    last_used: int = 0

    def held(self) -> TokenArray:
        """Tokens with computed keys and values; a view, valid until the slot changes."""
        return self.tokens[: self.len]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a prompt goes. Its first `cached_len` tokens need no computation once, if `donor` is
    not None, that many positions have been copied from the donor's slot.
    """

    slot: Slot
    cached_len: int
    donor: Slot | None


@dataclass(slots=True)
class SlotIndex:
    """All slots. One thread only; `place`, `extend` and `clear` modify, the others do not."""

    num_slots: int
    capacity: int
    _slots: list[Slot] = field(init=False)
    _clock: int = 0

    def __post_init__(self) -> None:
        self._slots = [
            Slot(i, np.zeros(self.capacity, dtype=np.int32)) for i in range(self.num_slots)
        ]

    def place(self, prompt: Sequence[int]) -> Placement:
        """Choose a slot for `prompt` and cut its contents to what the two share.

        At least the prompt's last token is left to compute: its logits are needed. The slot belongs
        to the caller until the next call of `place`.
        """
        wanted = np.asarray(prompt, dtype=np.int32)
        shared = {
            slot.index: min(_common_prefix_len(slot.held(), wanted), len(prompt) - 1)
            for slot in self._slots
        }
        best = max(self._slots, key=lambda slot: (shared[slot.index], slot.last_used))
        cached_len = shared[best.index]
        slot = best if cached_len >= _SHARED_ENOUGH * best.len else self._least_recently_used()
        donor = best if slot is not best and cached_len > 0 else None
        if donor is not None:
            slot.tokens[:cached_len] = wanted[:cached_len]
        slot.len = cached_len
        self._touch(slot)
        return Placement(slot, cached_len, donor)

    def extend(self, slot: Slot, tokens: Sequence[int]) -> None:
        """Record that keys and values of `tokens` now follow in `slot`. Raises ValueError beyond
        the capacity.
        """
        end = slot.len + len(tokens)
        if end > self.capacity:
            raise ValueError(f"{end} tokens do not fit a slot of {self.capacity}")
        slot.tokens[slot.len : end] = tokens
        slot.len = end

    def clear(self, slot: Slot) -> None:
        """Forget the slot's contents, for when they may not be what the token list says."""
        slot.len = 0

    def lens(self) -> tuple[int, ...]:
        """Tokens held, per slot."""
        return tuple(slot.len for slot in self._slots)

    def _touch(self, slot: Slot) -> None:
        self._clock += 1
        slot.last_used = self._clock

    def _least_recently_used(self) -> Slot:
        return min(self._slots, key=lambda slot: (slot.len > 0, slot.last_used))


def _common_prefix_len(held: TokenArray, wanted: TokenArray) -> int:
    size = min(len(held), len(wanted))
    differs = held[:size] != wanted[:size]
    return int(differs.argmax()) if differs.any() else size
