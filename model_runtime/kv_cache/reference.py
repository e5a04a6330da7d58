"""The slot index as plainly as it can be said, for tests: lists, no shortcuts. `SlotIndex` is what
runs; its docstrings are the contract of both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile

from model_runtime.kv_cache.eviction import worth


@dataclass(slots=True, eq=False)
class ReferenceSlot:
    """One slot; `used_in` is the visit in which it was last used."""

    tokens: list[int] = field(default_factory=list)
    prompt_len: int = 0
    pinned: bool = False
    used_in: int = 0


@dataclass(frozen=True, slots=True)
class ReferencePlacement:
    """Like `Placement`, with slots as numbers."""

    slot: int
    cached_len: int
    donor: int | None
    leftover: tuple[int, ...]


class ReferenceIndex:
    """Slots are named by their present number."""

    def __init__(self, num_slots: int) -> None:
        self.slots = [ReferenceSlot() for _ in range(num_slots)]
        self.visits = 1

    def place(self, prompt: list[int], *, pin: bool) -> ReferencePlacement | None:
        """A slot that shares the most; it is taken, or else its prefix copied."""
        if all(slot.pinned for slot in self.slots):
            return None
        best = max(self.slots, key=lambda slot: self._preference(slot, prompt))
        num_matched = num_shared(best.tokens, prompt)
        leftover = tuple(best.tokens[num_matched:]) if num_matched > 0 else ()
        cached_len = min(num_matched, len(prompt) - 1)
        chosen = best if self._may_take(best, prompt) else self._victim(best, num_matched)
        donor = self.slots.index(best) if chosen is not best and cached_len > 0 else None
        self._occupy(chosen, prompt[:cached_len], len(prompt), pin)
        return ReferencePlacement(self.slots.index(chosen), cached_len, donor, leftover)

    def fork(self, number: int, length: int) -> ReferencePlacement | None:
        """Another slot for the same prefix."""
        source = self.slots[number]
        prefix = source.tokens[:length]
        others = [slot for slot in self.slots if not slot.pinned and slot is not source]
        if not others:
            return None
        chosen = min(others, key=lambda slot: (self._loss(slot, 0), slot.used_in))
        donor = None if chosen.tokens[:length] == prefix else number
        self._occupy(chosen, prefix, length, True)
        return ReferencePlacement(self.slots.index(chosen), length, donor, ())

    def release(self, number: int) -> None:
        """Unpin."""
        self.slots[number].pinned = False
        self._use(self.slots[number])

    def extend(self, number: int, tokens: list[int]) -> None:
        """Append."""
        self.slots[number].tokens += tokens

    def truncate(self, number: int, length: int) -> None:
        """Cut."""
        del self.slots[number].tokens[length:]

    def clear(self, number: int) -> None:
        """Forget the contents."""
        self.slots[number].tokens = []
        self.slots[number].prompt_len = 0

    def drop(self, num_kept: int) -> list[int] | None:
        """Forget slots, one after the other."""
        if sum(slot.pinned for slot in self.slots) > num_kept:
            return None
        before = list(self.slots)
        while len(self.slots) > num_kept:
            free = [slot for slot in self.slots if not slot.pinned]
            self.slots.remove(min(free, key=lambda slot: (self._loss(slot, 0), slot.used_in)))
        return [before.index(slot) for slot in self.slots]

    def _preference(self, slot: ReferenceSlot, prompt: list[int]) -> tuple[int, bool, int, int]:
        shared = num_shared(slot.tokens, prompt)
        return shared, not slot.pinned, -len(slot.tokens[shared:]), slot.used_in

    def _may_take(self, slot: ReferenceSlot, prompt: list[int]) -> bool:
        """Whether little is lost with what the slot holds and the prompt does not want."""
        if slot.pinned:
            return False
        shared = num_shared(slot.tokens, prompt)
        if shared >= slot.prompt_len or 4 * len(slot.tokens[shared:]) <= shared:
            return True
        return self._is_edited(slot, shared, prompt)

    def _is_edited(self, slot: ReferenceSlot, shared: int, prompt: list[int]) -> bool:
        """Whether half of the rest comes again, moved by what was typed or deleted."""
        shift = len(prompt) - slot.prompt_len
        rest = range(shared, min(len(slot.tokens), slot.prompt_len))
        moved = [i for i in rest if i + shift >= shared and slot.tokens[i] == prompt[i + shift]]
        return 2 * len(moved) >= len(rest) > 0

    def _victim(self, best: ReferenceSlot, num_matched: int) -> ReferenceSlot:
        def loss(slot: ReferenceSlot) -> tuple[float, bool, int]:
            kept = num_matched if slot is best else 0
            return self._loss(slot, kept), slot is not best, slot.used_in

        return min((slot for slot in self.slots if not slot.pinned), key=loss)

    def _loss(self, slot: ReferenceSlot, num_kept: int) -> float:
        others = [num_shared(slot.tokens, o.tokens) for o in self.slots if o is not slot]
        age = self.visits - slot.used_in + 1
        return worth(max([num_kept, *others]), len(slot.tokens), age)

    def _occupy(
        self, slot: ReferenceSlot, tokens: list[int], prompt_len: int, pinned: bool
    ) -> None:
        slot.tokens = list(tokens)
        slot.prompt_len = prompt_len
        slot.pinned = pinned
        self._use(slot)

    def _use(self, slot: ReferenceSlot) -> None:
        if slot.used_in != self.visits:
            self.visits += 1
            slot.used_in = self.visits


def num_shared(one: list[int], other: list[int]) -> int:
    """Length of the longest common prefix."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
