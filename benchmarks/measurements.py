"""What was measured per keystroke, and the figures that sum it up."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One keystroke on one engine. Times in milliseconds, from the key on.

    prompt_tokens: 0 where the answer was given without the model. draft_tokens: guessed and checked
    in the answer; accepted_tokens: those of them that were right.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    ttft_ms: float
    answer_ms: float
    draft_tokens: int = 0
    accepted_tokens: int = 0

    @property
    def new_tokens(self) -> int:
        """Prompt tokens that had to be computed."""
        return self.prompt_tokens - self.cached_tokens

    @property
    def asked_model(self) -> bool:
        return self.prompt_tokens > 0


@dataclass(frozen=True, slots=True)
class EngineRun:
    """All of one engine's keystrokes, by their number in the trace.

    idle_tokens: what it computed between keystrokes, in tokens.
    """

    measured: Mapping[int, Measurement]
    idle_tokens: int = 0

    def __add__(self, other: EngineRun) -> EngineRun:
        """Both together; they have no keystroke in common."""
        return EngineRun({**self.measured, **other.measured}, self.idle_tokens + other.idle_tokens)


def summary(run: EngineRun) -> dict[str, Any]:
    """Sum up a run of at least one keystroke. New tokens: of the keys that asked the model."""
    measurements = list(run.measured.values())
    asked = [m for m in measurements if m.asked_model]
    prompt_tokens = sum(m.prompt_tokens for m in asked)
    cached_tokens = sum(m.cached_tokens for m in asked)
    return {
        "keystrokes": len(measurements),
        "without_model": len(measurements) - len(asked),
        "reused_share": round(cached_tokens / prompt_tokens, 4) if prompt_tokens else 0.0,
        "mean_prompt_tokens": _mean([m.prompt_tokens for m in asked]),
        "mean_answer_tokens": _mean([m.completion_tokens for m in asked]),
        "draft_tokens": sum(m.draft_tokens for m in asked),
        "accepted_tokens": sum(m.accepted_tokens for m in asked),
        "idle_tokens_per_key": round(run.idle_tokens / len(measurements), 2),
        "new_tokens": percentiles([m.new_tokens for m in asked] or [0]),
        "ttft_ms": percentiles([m.ttft_ms for m in measurements]),
        "answer_ms": percentiles([m.answer_ms for m in measurements]),
    }


def compared(ours: EngineRun, peer: EngineRun) -> dict[str, Any]:
    """Our times divided by a peer's, percentile by percentile, on the keys that both were asked.

    `asked_model`: the same on those keys alone at which ours asked its model, too.
    """
    common = [number for number in peer.measured if number in ours.measured]
    asked = [number for number in common if ours.measured[number].asked_model]
    return {
        "keystrokes": len(common),
        **_ratios(ours, peer, common),
        "asked_model": {"keystrokes": len(asked), **_ratios(ours, peer, asked)},
    }


def _ratios(ours: EngineRun, peer: EngineRun, numbers: Sequence[int]) -> dict[str, Any]:
    if not numbers:
        return {}
    mine = [ours.measured[number] for number in numbers]
    theirs = [peer.measured[number] for number in numbers]
    return {
        "ttft": _quotients([m.ttft_ms for m in mine], [m.ttft_ms for m in theirs]),
        "answer": _quotients([m.answer_ms for m in mine], [m.answer_ms for m in theirs]),
    }


def _quotients(mine: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    above, below = percentiles(mine), percentiles(theirs)
    return {name: round(above[name] / below[name], 3) for name in above if below[name]}


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 by linear interpolation between neighbours."""
    ordered = sorted(values)
    return {f"p{share}": round(percentile(ordered, share / 100), 2) for share in PERCENTILES}


def percentile(ordered: Sequence[float], share: float) -> float:
    """Interpolate in at least one value, in ascending order; share: 0 to 1."""
    rank = share * (len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (rank - low) * (ordered[high] - ordered[low])


def _mean(values: Sequence[int]) -> float:
    return round(statistics.fmean(values), 1) if values else 0.0
