"""The slot index, its naive reference and an imitation of the tensors go through the same calls."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from model_runtime.kv_cache.reference import ReferenceIndex, ReferencePlacement
from model_runtime.kv_cache.slots import Placement, Slot, SlotIndex

CAPACITY = 20
NUM_SLOTS = 4
# Few different tokens and repeated pieces: prompts share beginnings and ends.
pieces = st.sampled_from([[0], [1], [0, 1, 2], [2, 2, 2, 2], [1, 0, 1, 0, 1, 0]])
prompts = st.lists(pieces, min_size=1, max_size=6).map(
    lambda chosen: [token for piece in chosen for token in piece][:CAPACITY]
)


class SlotsAgainstReference(RuleBasedStateMachine):
    """`contents` is what the tensors would hold: copied from donors, overwritten by what is
    computed, longer than what the index calls valid.
    """

    def __init__(self) -> None:
        super().__init__()
        self.index = SlotIndex(NUM_SLOTS, CAPACITY)
        self.reference = ReferenceIndex(NUM_SLOTS)
        self.contents: list[list[int | None]] = [[None] * CAPACITY for _ in range(NUM_SLOTS)]

    def slot(self, choice: int) -> Slot:
        return self.index._slots[choice % self.index.num_slots]

    def pinned(self) -> list[Slot]:
        return [slot for slot in self.index._slots if slot.pinned]

    @rule(prompt=prompts, num_computed=st.integers(0, CAPACITY), pin=st.booleans())
    def request(self, prompt: list[int], num_computed: int, pin: bool) -> None:
        """A prompt arrives; its tail is computed, unless an abort ends that early."""
        best = max(shared_len(held, prompt) for held in self.valid_contents())
        placement = self.index.place(prompt, pin=pin)
        self.follow(placement, self.reference.place(prompt, pin=pin))
        if placement is None:
            assert self.index.num_free() == 0
            return
        assert placement.cached_len == min(best, len(prompt) - 1)
        self.compute(placement.slot, prompt[placement.cached_len :][:num_computed])

    @rule(choice=st.integers(0, 99), tokens=prompts)
    def answer(self, choice: int, tokens: list[int]) -> None:
        """Some slot's sequence goes on."""
        slot = self.slot(choice)
        self.compute(slot, tokens[: CAPACITY - slot.len])

    @rule(choice=st.integers(0, 99), share=st.floats(0, 1))
    def fork(self, choice: int, share: float) -> None:
        slot = self.slot(choice)
        length = int(share * slot.len)
        placement = self.index.fork(slot, length)
        self.follow(placement, self.reference.fork(slot.index, length))
        assert placement is None or placement.slot is not slot

    @precondition(lambda self: self.pinned())
    @rule(choice=st.integers(0, 99))
    def release(self, choice: int) -> None:
        slot = self.pinned()[choice % len(self.pinned())]
        self.index.release(slot)
        self.reference.release(slot.index)

    @rule(choice=st.integers(0, 99), share=st.floats(0, 1))
    def cut_wrong_drafts(self, choice: int, share: float) -> None:
        slot = self.slot(choice)
        length = int(share * slot.len)
        self.index.truncate(slot, length)
        self.reference.truncate(slot.index, length)

    @rule(choice=st.integers(0, 99))
    def fail(self, choice: int) -> None:
        slot = self.slot(choice)
        self.index.clear(slot)
        self.reference.clear(slot.index)
        self.contents[slot.index] = [None] * CAPACITY

    @precondition(lambda self: self.index.num_slots > 1)
    @rule()
    def run_out_of_memory(self) -> None:
        num_kept = self.index.num_slots - 1
        remaining = self.index.drop(num_kept)
        assert remaining == self.reference.drop(num_kept)
        if remaining is not None:
            self.contents = [self.contents[index] for index in remaining]

    def follow(self, placement: Placement | None, expected: ReferencePlacement | None) -> None:
        """Do what the caller of a placement has to do, to the imitated tensors."""
        if placement is None or expected is None:
            assert placement is expected
            return
        donor = placement.donor.index if placement.donor else None
        assert expected == ReferencePlacement(
            placement.slot.index, placement.cached_len, donor, placement.leftover
        )
        if donor is not None:
            prefix = self.contents[donor][: placement.cached_len]
            self.contents[placement.slot.index][: placement.cached_len] = prefix

    def compute(self, slot: Slot, tokens: list[int]) -> None:
        self.contents[slot.index][slot.len : slot.len + len(tokens)] = tokens
        self.index.extend(slot, tokens)
        self.reference.extend(slot.index, tokens)

    def valid_contents(self) -> list[list[int | None]]:
        lens = self.index.lens()
        return [held[:length] for held, length in zip(self.contents, lens, strict=True)]

    @invariant()
    def token_lists_say_what_is_there(self) -> None:
        listed = [slot.held().tolist() for slot in self.index._slots]
        assert listed == self.valid_contents()
        assert listed == [slot.tokens for slot in self.reference.slots]

    @invariant()
    def pins_agree(self) -> None:
        assert [slot.pinned for slot in self.index._slots] == [
            slot.pinned for slot in self.reference.slots
        ]
        assert self.index.num_free() == self.index.num_slots - len(self.pinned())

    @invariant()
    def slots_are_numbered(self) -> None:
        assert [slot.index for slot in self.index._slots] == list(range(self.index.num_slots))


def shared_len(held: list[int | None], prompt: list[int]) -> int:
    length = 0
    while length < min(len(held), len(prompt)) and held[length] == prompt[length]:
        length += 1
    return length


TestSlots = SlotsAgainstReference.TestCase
TestSlots.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
