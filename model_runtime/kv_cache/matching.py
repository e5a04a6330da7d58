"""Longest common prefixes of token lists, many at a time. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

TokenArray = npt.NDArray[np.int32]

# Columns in which all lists are compared; most differ right there.
_FIRST_LOOK = 64


def shared_lens(table: TokenArray, lens: Sequence[int], wanted: TokenArray) -> list[int]:
    """Per row of `table` [lists, capacity], of which the first lens[row] tokens count: how many of
    them `wanted` begins with.
    """
    width = min(max(lens), len(wanted))
    look = min(width, _FIRST_LOOK)
    shared = _first_differences(table[:, :look], wanted[:look])
    if width > look:
        alike = np.flatnonzero(shared == look)
        shared[alike] += _first_differences(table[alike, look:width], wanted[look:width])
    return [int(length) for length in np.minimum(shared, lens)]


def shared_len(one: TokenArray, other: TokenArray) -> int:
    """Length of the longest common prefix."""
    size = min(len(one), len(other))
    return int(_first_differences(one[None, :size], other[:size])[0])


def overlap_lens(lists: Sequence[TokenArray]) -> list[int]:
    """Per list: how much of it some other list begins with, too. Tokens must not be negative."""
    # In lexicographic order, a list's longest common prefix is that with one of its neighbours;
    # big-endian bytes sort like the tokens.
    ordered = sorted(range(len(lists)), key=lambda i: lists[i].astype(">i4").tobytes())
    overlaps = [0] * len(lists)
    for one, other in pairwise(ordered):
        shared = shared_len(lists[one], lists[other])
        overlaps[one] = max(overlaps[one], shared)
        overlaps[other] = shared
    return overlaps


def _first_differences(rows: TokenArray, wanted: TokenArray) -> npt.NDArray[np.intp]:
    """[rows]: the first column at which a row is not `wanted`; the width where there is none."""
    num_rows, width = rows.shape
    if width == 0 or num_rows == 0:
        return np.zeros(num_rows, dtype=np.intp)
    differs = rows != wanted
    first: npt.NDArray[np.intp] = differs.argmax(axis=1)
    first[~differs[np.arange(num_rows), first]] = width
    return first
