"""Which tokens lie in which slot of the KV cache, and what of them a new prompt can use again.
Torch-free.

A slot is a contiguous stretch of the cache for one sequence. Its token list says for which tokens
keys and values have been computed; after a request the list stays, so that the next prompt computes
only what follows their longest common prefix. `reference.py` says the same as plainly as possible;
a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from model_runtime.kv_cache.eviction import worth
from model_runtime.kv_cache.matching import TokenArray, overlap_lens, shared_len, shared_lens

LEFTOVER_LEN = 256
"""Tokens of `Placement.leftover` at most: longer drafts are never used up."""

# A prompt that gives up no more than this part of what it shares with a slot takes the slot over.
_SHARED_PER_LOST = 4


@dataclass(slots=True, eq=False)
class Slot:
    """One sequence's place in the cache; the first `len` of `tokens` are valid.

    Read-only for all but SlotIndex. An object of this class means the same stretch of the cache
    until `SlotIndex.drop` forgets it; `index` changes when `drop` renumbers.
    prompt_len: length of the last prompt placed here, computed or not; what lies behind it is an
    answer. pinned: some sequence is using it.
    """

    index: int
    tokens: TokenArray
    len: int = 0
    prompt_len: int = 0
    pinned: bool = False
    last_used: int = 0

    def held(self) -> TokenArray:
        """Tokens with computed keys and values; a view, valid until the slot changes."""
        return self.tokens[: self.len]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a prompt goes.

    Its first `cached_len` tokens need no computation once, if `donor` is not None, that many
    positions have been copied from the donor's slot to `slot`: by the caller, before the next call
    that modifies the index. Until then the slot's token list is ahead of its contents; `clear` the
    slot if copying fails.
    matched_len: how much the best matching slot shared, at most the whole prompt.
    leftover: what the best matching slot held behind the tokens that it shared with the prompt, at
    most LEFTOVER_LEN: what the last answer said, say. A guess at what comes next. Empty where
    nothing was shared.
    """

    slot: Slot
    cached_len: int
    donor: Slot | None
    matched_len: int = 0
    leftover: tuple[int, ...] = ()


@dataclass(slots=True)
class SlotIndex:
    """All slots, for one thread.

    `place`, `fork`, `release`, `extend`, `truncate`, `clear` and `drop` modify, the others do not.
    What they are told must be what happens to the tensors: the token list of a slot and its
    contents agree whenever a caller is not in the middle of copying or computing.
    A pinned slot changes only at its owner's word: it is read as a donor, but neither taken, nor
    cut, nor dropped.
    """

    num_slots: int
    capacity: int
    _table: TokenArray = field(init=False)
    _slots: list[Slot] = field(init=False)
    _clock: int = 1

    def __post_init__(self) -> None:
        self._table = np.zeros((self.num_slots, self.capacity), dtype=np.int32)
        self._slots = [Slot(i, tokens) for i, tokens in enumerate(self._table)]

    def place(self, prompt: Sequence[int], *, pin: bool = False) -> Placement | None:
        """Choose a slot for `prompt` and cut its contents to what the two share; None when every
        slot is pinned, and nothing has changed.

        As much is shared as any slot has, except that at least the prompt's last token is left to
        compute: its logits are needed. With `pin` the slot is the caller's until `release`, without
        until the next call of `place` or `fork`. Raises ValueError if the prompt is empty or longer
        than the capacity.
        """
        if not 0 < len(prompt) <= self.capacity:
            raise ValueError(f"{len(prompt)} tokens do not fit a slot of {self.capacity}")
        if self.num_free() == 0:
            return None
        wanted = np.asarray(prompt, dtype=np.int32)
        matched = shared_lens(self._table, self.lens(), wanted)
        best = max(self._slots, key=lambda slot: _preference(slot, matched[slot.index]))
        num_matched = matched[best.index]
        leftover = best.held()[num_matched:][:LEFTOVER_LEN].tolist() if num_matched > 0 else []
        slot = self._choose(best, num_matched, wanted)
        cached_len = min(num_matched, len(prompt) - 1)
        donor = best if slot is not best and cached_len > 0 else None
        self._occupy(slot, wanted[:cached_len], len(prompt), pin=pin)
        return Placement(slot, cached_len, donor, num_matched, tuple(leftover))

    def fork(self, slot: Slot, length: int) -> Placement | None:
        """Choose and pin another slot that is to hold the first `length` tokens of `slot`; None
        when all others are pinned, and nothing has changed.

        There is no donor, and nothing to copy, if the other slot begins with these tokens already.
        Raises ValueError if `slot` holds fewer.
        """
        if length > slot.len:
            raise ValueError(f"the slot holds {slot.len} tokens, not {length}")
        others = [other for other in self._free() if other is not slot]
        if not others:
            return None
        prefix = slot.tokens[:length].copy()
        victim = self._least_valuable(others)
        is_there = shared_len(victim.held(), prefix) == length
        self._occupy(victim, prefix, length, pin=True)
        return Placement(victim, length, None if is_there else slot, length)

    def release(self, slot: Slot) -> None:
        """Unpin: the contents stay for other prompts. Once per pinned placement; raises ValueError
        if the slot is not pinned.
        """
        if not slot.pinned:
            raise ValueError(f"slot {slot.index} is not pinned")
        slot.pinned = False
        self._touch(slot)

    def extend(self, slot: Slot, tokens: Sequence[int]) -> None:
        """Record that keys and values of `tokens` now follow in `slot`. Raises ValueError beyond
        the capacity.
        """
        end = slot.len + len(tokens)
        if end > self.capacity:
            raise ValueError(f"{end} tokens do not fit a slot of {self.capacity}")
        slot.tokens[slot.len : end] = tokens
        slot.len = end

    def truncate(self, slot: Slot, length: int) -> None:
        """Forget what the slot holds behind its first `length` tokens. Raises ValueError if it
        holds fewer.
        """
        if not 0 <= length <= slot.len:
            raise ValueError(f"the slot holds {slot.len} tokens, not {length}")
        slot.len = length

    def clear(self, slot: Slot) -> None:
        """Forget the slot's contents, for when they may not be what the token list says. A pinned
        slot stays pinned.
        """
        slot.len = 0
        slot.prompt_len = 0

    def drop(self, num_kept: int) -> list[int] | None:
        """Forget slots for good, the least valuable unpinned ones, until `num_kept` remain.

        Returns the indices that the remaining slots had, in their new order: position i of the list
        has become slot i, for the tensors to follow (`KVTensors.keep`). None when pinned slots
        prevent it, and nothing has changed. Raises ValueError if none would remain.
        """
        if num_kept < 1:
            raise ValueError("at least one slot has to remain")
        if self.num_slots - self.num_free() > num_kept:
            return None
        while len(self._slots) > num_kept:
            self._slots.remove(self._least_valuable(self._free()))
        remaining = [slot.index for slot in self._slots]
        self._renumber(remaining)
        return remaining

    def lens(self) -> tuple[int, ...]:
        """Tokens held, per slot."""
        return tuple(slot.len for slot in self._slots)

    def occupancy(self) -> tuple[tuple[int, bool], ...]:
        """Tokens held and whether pinned, per slot."""
        return tuple((slot.len, slot.pinned) for slot in self._slots)

    def num_free(self) -> int:
        """Slots that are not pinned."""
        return len(self._free())

    def _free(self) -> list[Slot]:
        return [slot for slot in self._slots if not slot.pinned]

    def _choose(self, best: Slot, num_matched: int, wanted: TokenArray) -> Slot:
        """The best match itself, or the slot that its prefix is to be copied to."""
        if best.pinned:
            return self._least_valuable(self._free())
        if _gives_up_little(best, num_matched) or _is_edited(best, num_matched, wanted):
            return best
        return self._least_valuable(self._free(), best, num_matched)

    def _least_valuable(
        self, slots: Sequence[Slot], partly_kept: Slot | None = None, num_kept: int = 0
    ) -> Slot:
        """What of `slots` to overwrite; of `partly_kept` the first `num_kept` tokens would stay."""
        overlaps = dict(
            zip(self._slots, overlap_lens([s.held() for s in self._slots]), strict=True)
        )

        def loss(slot: Slot) -> tuple[float, bool, int]:
            kept = num_kept if slot is partly_kept else 0
            age = self._clock - slot.last_used + 1
            lost = worth(max(kept, overlaps[slot]), slot.len, age)
            return lost, slot is not partly_kept, slot.last_used

        return min(slots, key=loss)

    def _occupy(self, slot: Slot, prefix: TokenArray, prompt_len: int, *, pin: bool) -> None:
        slot.tokens[: len(prefix)] = prefix
        slot.len = len(prefix)
        slot.prompt_len = prompt_len
        slot.pinned = pin
        self._touch(slot)

    def _touch(self, slot: Slot) -> None:
        if slot.last_used != self._clock:
            self._clock += 1
            slot.last_used = self._clock

    def _renumber(self, remaining: list[int]) -> None:
        self._table = self._table[remaining]
        self.num_slots = len(remaining)
        for index, slot in enumerate(self._slots):
            slot.index, slot.tokens = index, self._table[index]


def _preference(slot: Slot, num_matched: int) -> tuple[int, bool, int, int]:
    """Of slots that share as much: one that is free, then one that would lose less, then the
    younger.
    """
    return num_matched, not slot.pinned, num_matched - slot.len, slot.last_used


def _gives_up_little(slot: Slot, num_matched: int) -> bool:
    """Typing only cuts an answer off; deleting a few characters, a bit more."""
    if num_matched >= slot.prompt_len:
        return True
    return _SHARED_PER_LOST * (slot.len - num_matched) <= num_matched


def _is_edited(slot: Slot, num_matched: int, wanted: TokenArray) -> bool:
    """Whether the prompt goes on behind a change as the slot's did, so that the old state is not
    asked for again: typing in front of a suffix moves the suffix.
    """
    shift = len(wanted) - slot.prompt_len
    first, last = max(num_matched, num_matched - shift), min(slot.len, slot.prompt_len)
    if last <= first:
        return False
    num_same = np.count_nonzero(slot.tokens[first:last] == wanted[first + shift : last + shift])
    return bool(2 * num_same >= last - num_matched)
