"""The slot index: which slot a prompt gets, what is kept, what is given up; and that what it calls
cached is what was computed for exactly those tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from model_runtime.kv_cache.eviction import recompute_cost, worth
from model_runtime.kv_cache.slots import LEFTOVER_LEN, Placement, Slot, SlotIndex


def visit(index: SlotIndex, prompt: Sequence[int], answer: Sequence[int] = ()) -> Placement:
    """Place a prompt, compute all of it and an answer."""
    placement = index.place(prompt)
    assert placement is not None
    index.extend(placement.slot, [*prompt[placement.cached_len :], *answer])
    return placement


def document(name: int, length: int) -> list[int]:
    """A prompt that shares nothing with other documents."""
    return [name * 10_000 + i for i in range(length)]


def held(index: SlotIndex) -> list[int]:
    """Names of the documents that the slots hold, of one each."""
    return sorted({int(slot.held()[0]) // 10_000 for slot in index._slots if slot.len})


class TestReuse:
    def test_typing_stays_in_its_slot_and_cuts_the_answer_off(self) -> None:
        index = SlotIndex(2, 64)
        text = document(1, 20)
        first = visit(index, text, answer=[7, 8, 9])
        typed = visit(index, [*text, 7], answer=[8, 9])
        assert (typed.slot, typed.donor, typed.cached_len) == (first.slot, None, 20)
        departed = visit(index, [*text, 7, 5])
        assert (departed.slot, departed.donor, departed.cached_len) == (first.slot, None, 21)
        assert departed.leftover == (8, 9)

    def test_the_last_token_is_left_to_compute(self) -> None:
        index = SlotIndex(2, 64)
        text = document(1, 20)
        visit(index, text, answer=[7, 8, 9])
        again = index.place(text)
        assert again is not None
        assert (again.cached_len, again.leftover) == (19, (7, 8, 9))

    def test_deleting_a_few_characters_stays_in_the_slot(self) -> None:
        index = SlotIndex(2, 64)
        first = visit(index, document(1, 40))
        assert visit(index, document(1, 35)).slot is first.slot

    def test_typing_in_front_of_a_suffix_stays_in_the_slot(self) -> None:
        """Prefix first, suffix behind: the suffix moves with every key. The old state is not asked
        for again, so that copies of it would only drive other documents out.
        """
        index = SlotIndex(4, 256)
        before, suffix = document(1, 30), document(2, 100)
        first = visit(index, [*before, *suffix], answer=[5, 6])
        for num_typed in range(1, 6):
            typed = visit(index, [*before, *range(num_typed), *suffix], answer=[5, 6])
            assert typed.slot is first.slot
        assert visit(index, [*before[:25], *suffix]).slot is first.slot

    def test_another_place_that_begins_alike_does_not_cut_the_first(self) -> None:
        """Two cursors behind the same snippets: both remain at hand."""
        index = SlotIndex(3, 256)
        snippets = document(9, 40)
        here, there = [*snippets, *document(1, 100)], [*snippets, *document(2, 100)]
        first = visit(index, here)
        second = visit(index, there)
        assert (second.donor, second.cached_len) == (first.slot, 40)
        assert second.slot is not first.slot
        assert visit(index, [*here, 1]).cached_len == 140
        assert visit(index, [*there, 1]).cached_len == 140

    def test_nothing_shared_leaves_nothing_over(self) -> None:
        index = SlotIndex(2, 64)
        visit(index, document(1, 20))
        other = visit(index, document(2, 20))
        assert (other.cached_len, other.donor, other.leftover) == (0, None, ())

    def test_leftovers_are_bounded(self) -> None:
        index = SlotIndex(2, 1024)
        visit(index, document(1, 1000))
        assert len(visit(index, [*document(1, 10), 5]).leftover) == LEFTOVER_LEN


class TestPins:
    def test_a_pinned_slot_lends_but_is_not_taken(self) -> None:
        index = SlotIndex(2, 64)
        text = document(1, 20)
        first = index.place(text, pin=True)
        assert first is not None
        index.extend(first.slot, text)
        second = index.place([*text, 7], pin=True)
        assert second is not None
        assert (second.donor, second.cached_len) == (first.slot, 20)
        assert first.slot.held().tolist() == text
        assert index.place(text) is None
        index.release(first.slot)
        again = index.place([*text, 8])
        assert again is not None
        assert again.slot is first.slot

    def test_candidates_fork_a_prefix(self) -> None:
        index = SlotIndex(3, 64)
        text = document(1, 20)
        first = index.place(text, pin=True)
        assert first is not None
        index.extend(first.slot, [*text, 7])
        fork = index.fork(first.slot, 20)
        assert fork is not None
        assert (fork.donor, fork.cached_len, fork.slot.held().tolist()) == (first.slot, 20, text)
        assert index.num_free() == 1
        index.extend(fork.slot, [8, 9])
        index.release(fork.slot)
        assert index.fork(first.slot, 20) is not None

    def test_a_slot_that_begins_alike_needs_no_copy(self) -> None:
        index = SlotIndex(2, 64)
        text = document(1, 20)
        first = index.place(text, pin=True)
        assert first is not None
        index.extend(first.slot, text)
        for answer in ([7], [8, 9]):
            fork = index.fork(first.slot, 20)
            assert fork is not None
            index.extend(fork.slot, answer)
            index.release(fork.slot)
        assert fork.donor is None
        assert fork.slot.held().tolist() == [*text, 8, 9]

    def test_no_slot_left_to_fork_into(self) -> None:
        index = SlotIndex(1, 64)
        first = visit(index, document(1, 20))
        assert index.fork(first.slot, 20) is None

    def test_releasing_twice_is_a_mistake(self) -> None:
        index = SlotIndex(1, 8)
        placement = index.place([1], pin=True)
        assert placement is not None
        index.release(placement.slot)
        with pytest.raises(ValueError, match="not pinned"):
            index.release(placement.slot)


class TestEviction:
    def test_empty_slots_first(self) -> None:
        index = SlotIndex(4, 64)
        for name in (1, 2, 3, 4):
            visit(index, document(name, 30))
        assert held(index) == [1, 2, 3, 4]

    def test_of_equal_ones_the_oldest_goes(self) -> None:
        index = SlotIndex(3, 64)
        for name in (1, 2, 3, 1, 4):
            visit(index, document(name, 30))
        assert held(index) == [1, 3, 4]

    def test_a_long_prompt_outlives_short_ones(self) -> None:
        index = SlotIndex(3, 2048)
        visit(index, document(1, 2000))
        for name in range(2, 12):
            visit(index, document(name, 30))
        assert held(index) == [1, 10, 11]

    def test_but_not_for_ever(self) -> None:
        index = SlotIndex(3, 2048)
        visit(index, document(1, 2000))
        for name in range(2, 300):
            visit(index, document(name, 30))
        assert held(index) == [297, 298, 299]

    def test_a_thousand_keystrokes_make_nobody_old(self) -> None:
        """Typing in one document is one visit, however long it takes."""
        index = SlotIndex(3, 2048)
        visit(index, document(1, 300))
        visit(index, document(2, 60))
        for length in range(100, 1100):
            visit(index, document(3, length))
        visit(index, document(4, 50))
        assert held(index) == [1, 3, 4]

    def test_a_copy_of_what_another_slot_begins_with_is_worth_nothing(self) -> None:
        index = SlotIndex(3, 512)
        snippets = document(1, 400)
        original = index.place(snippets, pin=True)
        assert original is not None
        index.extend(original.slot, snippets)
        longer = visit(index, [*snippets, 5, 6])
        visit(index, document(2, 20))
        index.release(original.slot)
        assert visit(index, document(3, 20)).slot is original.slot
        assert longer.slot.len == 402

    def test_the_worth_of_a_slot(self) -> None:
        assert worth(0, 0, 1) == worth(50, 50, 1) == worth(60, 50, 1) == 0
        assert worth(0, 1000, 10) > worth(0, 90, 1)
        assert worth(0, 1000, 10) < worth(0, 200, 1)
        assert worth(1000, 2000, 1) > worth(0, 1000, 1)
        assert recompute_cost(2000) > 2 * recompute_cost(1000)


class TestDrop:
    def test_the_least_valuable_go_and_the_rest_is_renumbered(self) -> None:
        index = SlotIndex(4, 64)
        slots = [visit(index, document(name, 30)).slot for name in (1, 2, 3, 4)]
        visit(index, document(1, 30))
        assert index.drop(2) == [0, 3]
        assert (index.num_slots, held(index)) == (2, [1, 4])
        assert [slots[0].index, slots[3].index] == [0, 1]
        index.extend(slots[3], [5])
        assert index.lens() == (30, 31)
        assert visit(index, [*document(4, 30), 5, 6]).cached_len == 31

    def test_pinned_slots_stay(self) -> None:
        index = SlotIndex(2, 64)
        kept: list[Slot] = []
        for name in (1, 2):
            placement = index.place(document(name, 5), pin=True)
            assert placement is not None
            kept.append(placement.slot)
        assert index.drop(1) is None
        assert index.num_slots == 2
        index.release(kept[0])
        assert index.drop(1) == [1]
        assert kept[1].index == 0

    def test_one_has_to_remain(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            SlotIndex(2, 64).drop(0)


def test_what_does_not_fit_is_refused() -> None:
    index = SlotIndex(1, 4)
    for prompt in ([], [1, 2, 3, 4, 5]):
        with pytest.raises(ValueError, match="do not fit"):
            index.place(prompt)
    slot = visit(index, [1, 2, 3]).slot
    with pytest.raises(ValueError, match="do not fit"):
        index.extend(slot, [4, 5])
    with pytest.raises(ValueError, match="holds 3"):
        index.truncate(slot, 4)
    with pytest.raises(ValueError, match="holds 3"):
        index.fork(slot, 4)
