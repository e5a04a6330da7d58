"""What was measured per keystroke, and the figures that sum it up."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One keystroke on one engine. Times in milliseconds, from the key on."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    ttft_ms: float
    answer_ms: float

    @property
    def new_tokens(self) -> int:
        """Prompt tokens that had to be computed."""
        return self.prompt_tokens - self.cached_tokens


def summary(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Sum up at least one measurement."""
    prompt_tokens = sum(m.prompt_tokens for m in measurements)
    cached_tokens = sum(m.cached_tokens for m in measurements)
    return {
        "keystrokes": len(measurements),
        "reused_share": round(cached_tokens / prompt_tokens, 4) if prompt_tokens else 0.0,
        "mean_prompt_tokens": round(prompt_tokens / len(measurements), 1),
        "mean_answer_tokens": round(statistics.fmean(m.completion_tokens for m in measurements), 1),
        "new_tokens": percentiles([m.new_tokens for m in measurements]),
        "ttft_ms": percentiles([m.ttft_ms for m in measurements]),
        "answer_ms": percentiles([m.answer_ms for m in measurements]),
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 by linear interpolation between neighbours."""
    ordered = sorted(values)
    return {f"p{share}": round(_percentile(ordered, share / 100), 2) for share in PERCENTILES}


def _percentile(ordered: Sequence[float], share: float) -> float:
    rank = share * (len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (rank - low) * (ordered[high] - ordered[low])
