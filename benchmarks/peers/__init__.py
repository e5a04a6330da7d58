"""Other engines on the same weights and the same prompt ids, each driven as well as it allows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from benchmarks.measurements import Measurement


class Peer(Protocol):
    """An engine that is asked for one answer at a time.

    last_ids: the tokens of its last answer.
    """

    last_ids: list[int]

    def answer(self, prompt_ids: Sequence[int], num_tokens: int) -> Measurement:
        """Generate exactly `num_tokens` (at least 1) tokens, greedily. What it keeps for the next
        prompt is its own affair.
        """


class Clock:
    """Milliseconds since it was made, and when the first token came."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.first_token_ms = 0.0

    def token(self) -> None:
        """Note that a token has come."""
        self.first_token_ms = self.first_token_ms or self.elapsed_ms()

    def elapsed_ms(self) -> float:
        return 1000 * (time.perf_counter() - self._began)


def common_prefix_len(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens at the start are the same."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
