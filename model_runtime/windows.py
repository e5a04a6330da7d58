"""Which tokens of a long text go into the prompt. Torch-free.

The edges of the windows lie on line breaks and move in hops, never token by token: an edge that
slides with each keystroke would change the whole prompt and throw the KV cache away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

MAX_HOP = 512
# Where the frozen part of a prefix may end: at multiples of the first hop, in lines, that leaves
# little enough behind it.
_ANCHOR_HOPS = (16, 8, 4, 2, 1)
_ANCHOR_HOP_INSIDE_LINE = 256

Line = Sequence[int]


def first_kept_line(line_lens: Sequence[int], budget: int, hop: int = MAX_HOP) -> int:
    """Index of the first line of the prefix window; the kept lines hold at most `budget` tokens.

    What is dropped is a multiple of the hop, rounded up to a line, so that the index stays put
    while tokens are appended. Equal to `len(line_lens)` when even the last line is too long.
    """
    total = sum(line_lens)
    if total <= budget:
        return 0
    to_drop = hops_to_drop(total, budget, hop)
    return next(
        i for i, dropped in enumerate(accumulate(line_lens), 1) if dropped >= min(to_drop, total)
    )


def hops_to_drop(total: int, budget: int, hop: int = MAX_HOP) -> int:
    """The smallest number of whole hops, in tokens, that brings `total` down to `budget`."""
    hop = max(1, min(hop, budget // 2))
    return -(-(total - budget) // hop) * hop


def prefix_window(lines: Sequence[Line], budget: int) -> tuple[int, list[int]]:
    """The end of a text: (index of the first line kept, ids). A last line longer than the budget is
    cut inside.
    """
    first = first_kept_line([len(line) for line in lines], budget)
    if first < len(lines):
        return first, _join(lines[first:])
    last = lines[-1]
    return len(lines) - 1, list(last[hops_to_drop(len(last), budget) :])


def suffix_window(lines: Sequence[Line], budget: int) -> list[int]:
    """The beginning of a text, up to the last line break within `budget` tokens. A first line
    longer than that is cut inside.
    """
    if not lines or budget <= 0:
        return []
    kept = sum(end <= budget for end in accumulate(len(line) for line in lines))
    return _join(lines[:kept]) if kept else list(lines[0][:budget])


def frozen_len(text: str, fits: Callable[[str], bool]) -> int:
    """How much of a prefix is frozen: what is behind it `fits`, and it ends on a line break.

    Depends on the text alone, and never decreases while one appends to it: the end lies at a line
    whose number is a multiple of the longest hop that fits. Inside a line only where even the last
    line doesn't fit; then `fits` is not asked again.
    """
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n")[:-1])]
    for hop in _ANCHOR_HOPS:
        start = starts[(len(starts) - 1) // hop * hop]
        if fits(text[start:]):
            return start
    return len(text) - (len(text) - starts[-1]) % _ANCHOR_HOP_INSIDE_LINE


def _join(lines: Sequence[Line]) -> list[int]:
    return [i for line in lines for i in line]
