"""Which keystrokes of a trace are measured, and what lies before them."""

from __future__ import annotations

import pytest

from benchmarks.blocks import TURN, cut, spread, whole
from benchmarks.traces import Patch, Trace

DELETION = (Patch(0, 1, ""),)


def typed(text: str) -> Trace:
    """Every character is typed at the end, and after each `x` one is deleted at the start."""
    transactions: list[tuple[Patch, ...]] = []
    content = ""
    for char in text:
        transactions.append((Patch(len(content), 0, char),))
        content += char
        if char == "x":
            transactions.append(DELETION)
            content = content[1:]
    return Trace("test", "", content, tuple(transactions))


def test_a_whole_trace_is_cut_into_turns() -> None:
    spans = whole(2 * TURN + 5, 3, None)
    assert spans == [range(3, TURN + 3), range(TURN + 3, 2 * TURN + 3), range(2 * TURN + 3, 405)]
    assert whole(1000, 10, 20) == [range(10, 30)]
    with pytest.raises(ValueError, match="none is left"):
        whole(5, 5, None)


def test_blocks_lie_at_equal_distances() -> None:
    assert spread(100, 0, 4, 5) == [range(5), range(25, 30), range(50, 55), range(75, 80)]
    assert spread(100, 90, 2, 5) == [range(90, 95), range(95, 100)]
    with pytest.raises(ValueError, match="do not fit"):
        spread(100, 50, 6, 10)


def test_the_key_before_a_block_warms_it_up() -> None:
    first, second = cut(typed("abcdefgh"), [range(2, 4), range(6, 8)])
    assert [len(first.skipped), len(second.skipped)] == [1, 1]
    assert [str(block.warm_up.after) for block in (first, second) if block.warm_up] == [
        "ab",
        "abcdef",
    ]
    assert {number: str(step.after) for number, step in second.keys.items()} == {
        6: "abcdefg",
        7: "abcdefgh",
    }


def test_a_block_that_follows_another_is_warm_already() -> None:
    first, second = cut(typed("abcd"), [range(2), range(2, 4)])
    assert first.warm_up is None
    assert second.warm_up is None
    assert list(second.keys) == [2, 3]


def test_other_changes_in_a_block_belong_to_it() -> None:
    first, second = cut(typed("axbxcd"), [range(1, 3), range(4, 6)])
    assert [step.cursor is None for step in first.steps] == [False, True, False]
    assert list(first.keys) == [1, 2]
    assert [str(step.after) for step in second.steps] == ["bx", "bxc", "bxcd"]
    assert second.warm_up is not None
    assert str(second.warm_up.after) == "xbx"
