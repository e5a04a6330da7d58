"""The slot index against a naive model: what it calls cached is what was computed for exactly those
tokens.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from model_runtime.kv_cache.slots import SlotIndex

CAPACITY = 12
prompts = st.lists(st.integers(0, 2), min_size=1, max_size=CAPACITY)


def common_prefix_len(a: list[int], b: list[int]) -> int:
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


class SlotsAgainstLists(RuleBasedStateMachine):
    """`contents` is what a cache would hold: copied from the donor, overwritten by each computed
    token.
    """

    def __init__(self) -> None:
        super().__init__()
        self.index = SlotIndex(3, CAPACITY)
        self.contents: list[list[int]] = [[], [], []]
        self.slots = [self.index.place([0]).slot for _ in range(3)]
        self.slots = sorted(
            {slot.index: slot for slot in self.slots}.values(), key=lambda s: s.index
        )

    @rule(prompt=prompts, num_computed=st.integers(0, CAPACITY))
    def request(self, prompt: list[int], num_computed: int) -> None:
        """A prompt arrives; its tail is computed, unless an abort ends that early."""
        best = max(common_prefix_len(held, prompt) for held in self.contents)
        placement = self.index.place(prompt)
        assert placement.cached_len == min(best, len(prompt) - 1)
        source = placement.donor or placement.slot
        self.contents[placement.slot.index] = self.contents[source.index][: placement.cached_len]
        assert self.contents[placement.slot.index] == prompt[: placement.cached_len]
        tail = prompt[placement.cached_len :][:num_computed]
        self.index.extend(placement.slot, tail)
        self.contents[placement.slot.index] += tail
        self.remember(placement.slot)

    @rule(which=st.integers(0, 2))
    def fail(self, which: int) -> None:
        for slot in self.slots:
            if slot.index == which:
                self.index.clear(slot)
                self.contents[which] = []

    def remember(self, slot: object) -> None:
        if slot not in self.slots:
            self.slots.append(slot)  # type: ignore[arg-type]

    @invariant()
    def token_lists_say_what_is_there(self) -> None:
        assert self.index.lens() == tuple(len(held) for held in self.contents)
        for slot in self.slots:
            assert slot.held().tolist() == self.contents[slot.index]


TestSlots = SlotsAgainstLists.TestCase
TestSlots.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_another_document_does_not_take_a_slot_in_use() -> None:
    index = SlotIndex(2, 16)
    first = index.place([1, 2, 3, 4])
    index.extend(first.slot, [1, 2, 3, 4])
    other = index.place([1, 9, 9])
    assert other.slot is not first.slot
    assert (other.donor, other.cached_len) == (first.slot, 1)
    assert index.place([1, 2, 3, 4, 5]).cached_len == 4
