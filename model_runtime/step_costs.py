"""How long a forward pass takes on this machine, by its number of tokens. Torch-free.

The engine measures a few points at its start; drafts and prefill chunks are sized by them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

MIN_CHUNK = 16
MAX_CHUNK = 512


@dataclass(frozen=True, slots=True)
class StepCosts:
    """A line through measured points that never falls. Use `fitted` to make one.

    num_tokens: ascending. times_ms: of a pass over so many tokens, as long, not falling.
    """

    num_tokens: tuple[int, ...]
    times_ms: tuple[float, ...]

    @classmethod
    def fitted(cls, points: Iterable[tuple[int, float]]) -> StepCosts:
        """Fit (number of tokens, milliseconds) pairs, in any order, some of them repeated.

        Whatever else runs on a machine can only slow a measurement down. So of repeated ones the
        fastest counts, and a pass is taken to last no longer than one over more tokens did.
        Raises ValueError without points, and for numbers that are not positive.
        """
        fastest: dict[int, float] = {}
        for num_tokens, ms in points:
            if num_tokens < 1 or not ms > 0:
                raise ValueError(f"{num_tokens} tokens in {ms} ms is no measurement")
            fastest[num_tokens] = min(ms, fastest.get(num_tokens, ms))
        if not fastest:
            raise ValueError("there are no measurements to fit")
        bound = float("inf")
        falling = []
        for num_tokens in sorted(fastest, reverse=True):
            bound = min(bound, fastest[num_tokens])
            falling.append((num_tokens, bound))
        return cls(*zip(*reversed(falling), strict=True))

    def ms(self, num_tokens: int) -> float:
        """Milliseconds of a pass: on the line between the measured points, level before the first,
        behind the last one as steep as between the last two (proportional if there is only one).
        """
        at = bisect_right(self.num_tokens, num_tokens)
        if at == 0:
            return self.times_ms[0]
        right = min(at, len(self.num_tokens) - 1)
        x, y = self.num_tokens[right], self.times_ms[right]
        left_x, left_y = (self.num_tokens[right - 1], self.times_ms[right - 1]) if right else (0, 0)
        return y - (y - left_y) * (x - num_tokens) / (x - left_x)

    def largest(self, budget_ms: float) -> int:
        """Tokens of the largest pass within the budget: a multiple of 16 from 16 to 512; 16 also
        where that takes longer.
        """
        sizes = range(MAX_CHUNK, MIN_CHUNK, -MIN_CHUNK)
        return next((size for size in sizes if self.ms(size) <= budget_ms), MIN_CHUNK)
