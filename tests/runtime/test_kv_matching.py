"""Longest common prefixes of long lists, against the naive ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.kv_cache.matching import TokenArray, overlap_lens, shared_len, shared_lens
from model_runtime.kv_cache.reference import num_shared

# Lists that agree up to a point, around and far beyond what is compared first.
long_lists = st.tuples(st.integers(0, 200), st.integers(0, 200)).map(
    lambda drawn: [7] * drawn[0] + list(range(300, 300 + drawn[1]))
)
short_lists = st.lists(st.integers(0, 2), max_size=8)


def as_array(tokens: list[int]) -> TokenArray:
    return np.array(tokens, dtype=np.int32)


def as_table(lists: list[list[int]]) -> TokenArray:
    """Behind each list lies what would match if its length were ignored."""
    table = np.full((len(lists), 400), 7, dtype=np.int32)
    for row, tokens in zip(table, lists, strict=True):
        row[: len(tokens)] = tokens
    return table


@given(st.lists(long_lists | short_lists, min_size=1, max_size=6), long_lists | short_lists)
def test_with_one_list(lists: list[list[int]], wanted: list[int]) -> None:
    expected = [num_shared(tokens, wanted) for tokens in lists]
    lens = [len(tokens) for tokens in lists]
    assert shared_lens(as_table(lists), lens, as_array(wanted)) == expected
    assert [shared_len(as_array(tokens), as_array(wanted)) for tokens in lists] == expected


@given(st.lists(long_lists | short_lists, min_size=2, max_size=6))
def test_among_each_other(lists: list[list[int]]) -> None:
    expected = [
        max(num_shared(tokens, other) for j, other in enumerate(lists) if j != i)
        for i, tokens in enumerate(lists)
    ]
    assert overlap_lens([as_array(tokens) for tokens in lists]) == expected
