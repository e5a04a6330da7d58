"""What a candidate knows in advance."""

from __future__ import annotations

import pytest

from model_runtime.foresight import reading_order

BOS, PRE, SUF, MID = 1, 2, 3, 4
CONTROLS = frozenset({BOS, PRE, SUF, MID})
PREFIX, SUFFIX, TYPED = [10, 11, 12], [20, 21], [30]


@pytest.mark.parametrize(
    ("ids", "last"),
    [
        ([BOS, PRE, SUF, *SUFFIX, MID, *PREFIX], [*SUFFIX, *PREFIX]),
        ([BOS, PRE, *PREFIX, SUF, *SUFFIX, MID], PREFIX),
        ([BOS, PRE, *PREFIX, SUF, *SUFFIX, MID, *TYPED], [*PREFIX, *TYPED]),
        ([BOS, *PREFIX], PREFIX),
        ([BOS, PRE, SUF, MID, *PREFIX], PREFIX),
    ],
    ids=["spm", "psm", "frozen", "left to right", "no suffix"],
)
def test_what_the_cursor_follows_comes_last(ids: list[int], last: list[int]) -> None:
    read = [i for i in reading_order(ids, CONTROLS) if i not in CONTROLS]
    assert read[-len(last) :] == last
    assert sorted(read) == sorted(i for i in ids if i not in CONTROLS)
