"""The goals that a keystroke is held to, and how far a measurement is from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.comparison import FIMBRIA
from benchmarks.peers.registry import GENERATE, LLAMA_CPP_PSM, LLAMA_CPP_SPM

REUSED_SHARE = 0.95
NEW_TOKENS = {"p50": 3, "p95": 64}
ANSWER_TO_LLAMA_CPP = 0.5
ANSWER_TO_GENERATE = 0.05


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal beside the figure that was measured, both as they are shown."""

    name: str
    wanted: str
    measured: str
    is_met: bool


def goals(result: Mapping[str, Any]) -> list[Goal]:
    """Compare a result (see Comparison.as_json) with the goals that it says something about."""
    ours = result["engines"].get(FIMBRIA)
    return [*_work(ours), *_times(result["ratios"])] if ours else []


def _work(ours: Mapping[str, Any]) -> Iterator[Goal]:
    share = ours["reused_share"]
    name = "prompt tokens reused"
    yield Goal(name, f"≥ {REUSED_SHARE:.0%}", f"{share:.1%}", share >= REUSED_SHARE)
    for percentile, limit in NEW_TOKENS.items():
        value = ours["new_tokens"][percentile]
        yield Goal(f"new tokens {percentile}", f"≤ {limit}", f"{value:.0f}", value <= limit)


def _times(ratios: Mapping[str, Any]) -> Iterator[Goal]:
    """Quantized weights are not the same weights, so they count for no goal."""
    answers = {
        name: ratio["answer"]["p50"]
        for name, ratio in ratios.items()
        if "p50" in ratio.get("answer", {})
    }
    best = max((answers[n] for n in (LLAMA_CPP_PSM, LLAMA_CPP_SPM) if n in answers), default=None)
    if best is not None:
        yield _ratio("llama.cpp's best", best, ANSWER_TO_LLAMA_CPP)
    if GENERATE in answers:
        yield _ratio("generate", answers[GENERATE], ANSWER_TO_GENERATE)


def _ratio(peer: str, value: float, limit: float) -> Goal:
    name = f"median answer to that of {peer}"
    return Goal(name, f"≤ {limit} ×", f"{value:.3f} ×", value <= limit)
