"""Figures, ratios and goals, from a handful of measurements."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.goals import goals
from benchmarks.measurements import EngineRun, Measurement, compared, percentiles, summary


def measurement(prompt: int, cached: int, ms: float) -> Measurement:
    return Measurement(prompt, cached, completion_tokens=4, ttft_ms=ms / 2, answer_ms=ms)


def run(*measurements: Measurement, idle_tokens: int = 0) -> EngineRun:
    return EngineRun(dict(enumerate(measurements)), idle_tokens)


def test_percentiles_interpolate() -> None:
    assert percentiles(list(range(101))) == {"p50": 50, "p95": 95, "p99": 99}
    assert percentiles([7]) == {"p50": 7, "p95": 7, "p99": 7}
    assert percentiles([3, 1]) == {"p50": 2, "p95": 2.9, "p99": 2.98}


def test_the_reused_share_is_of_all_prompt_tokens() -> None:
    figures = summary(run(measurement(100, 0, 10), measurement(300, 300, 20)))
    assert figures["reused_share"] == 0.75
    assert figures["new_tokens"]["p50"] == 50
    assert figures["ttft_ms"]["p50"] == 7.5
    assert figures["answer_ms"]["p50"] == 15


def test_an_answer_without_the_model_counts_for_times_alone() -> None:
    figures = summary(run(measurement(0, 0, 2), measurement(100, 90, 10), measurement(0, 0, 4)))
    assert (figures["keystrokes"], figures["without_model"]) == (3, 2)
    assert figures["reused_share"] == 0.9
    assert figures["new_tokens"]["p50"] == 10
    assert figures["answer_ms"]["p50"] == 4
    assert summary(run(measurement(0, 0, 1)))["reused_share"] == 0


def test_idle_work_and_drafts_are_summed_up() -> None:
    drafted = replace(measurement(10, 9, 1), draft_tokens=6, accepted_tokens=4)
    figures = summary(run(drafted, drafted, idle_tokens=5))
    assert (figures["draft_tokens"], figures["accepted_tokens"]) == (12, 8)
    assert figures["idle_tokens_per_key"] == 2.5


def test_runs_add_up() -> None:
    one = EngineRun({0: measurement(1, 0, 1)}, 2)
    assert one + EngineRun({5: measurement(2, 0, 1)}, 3) == EngineRun(
        {0: measurement(1, 0, 1), 5: measurement(2, 0, 1)}, 5
    )


def test_ratios_are_of_the_keys_that_both_were_asked() -> None:
    ours = run(measurement(10, 9, 10), measurement(0, 0, 1), measurement(10, 9, 30))
    peer = EngineRun({0: measurement(10, 0, 100), 1: measurement(10, 0, 100)})
    ratio = compared(ours, peer)
    assert ratio["keystrokes"] == 2
    assert ratio["answer"]["p50"] == 0.055
    assert ratio["asked_model"]["keystrokes"] == 1
    assert ratio["asked_model"]["answer"]["p50"] == 0.1
    assert ratio["asked_model"]["ttft"]["p50"] == 0.1


def test_without_a_common_key_there_is_no_ratio() -> None:
    assert compared(run(), run(measurement(1, 0, 1))) == {
        "keystrokes": 0,
        "asked_model": {"keystrokes": 0},
    }


def test_goals_name_what_is_wanted_and_what_is_measured() -> None:
    ours = run(*(measurement(100, 98, 10) for _ in range(20)))
    slow, fast = (run(*(measurement(100, 0, ms) for _ in range(20))) for ms in (400, 16))
    result = {
        "engines": {"fimbria": summary(ours)},
        "ratios": {
            "generate": compared(ours, slow),
            "llama.cpp-psm": compared(ours, slow),
            "llama.cpp-spm": compared(ours, fast),
            "llama.cpp-spm-q8": compared(ours, run(measurement(100, 0, 1))),
        },
    }
    assert [(goal.measured, goal.is_met) for goal in goals(result)] == [
        ("98.0%", True),
        ("2", True),
        ("2", True),
        ("0.625 ×", False),
        ("0.025 ×", True),
    ]


def test_without_our_engine_there_is_no_goal() -> None:
    assert goals({"engines": {}, "ratios": {}}) == []
