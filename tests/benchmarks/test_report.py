"""The tables say what was measured, on what, and against which goals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison import Comparison
from benchmarks.measurements import EngineRun, Measurement
from benchmarks.plots import distribution, write_plot
from benchmarks.report import markdown, stem_of
from benchmarks.traces import Place

CONFIG: dict[str, Any] = {
    "trace": "typing",
    "keystrokes": 4,
    "of_keystrokes": 100,
    "spans": [[10, 12], [60, 62]],
    "fixed": True,
    "generate_every": 5,
    "max_tokens": 24,
    "model": "random:25m",
    "dtype": "float32",
    "device": "cpu",
    "threads": 1,
    "date": "2026-01-02",
    "cpu": "Abacus",
    "cores": 2,
    "memory_gib": 3,
    "system": "Linux x86_64",
    "load_before": 0.1,
    "versions": {"python": "3.11.0"},
}


def comparison() -> Comparison:
    ours = {n: Measurement(100, 99, 24, 1.0, 10.0, 8, 6) for n in (10, 11, 60, 61)}
    peer = {n: Measurement(100, 80, 24, 4.0, 40.0) for n in (10, 11, 60, 61)}
    runs = {"fimbria": EngineRun(ours, 6), "llama.cpp-psm": EngineRun(peer)}
    return Comparison(CONFIG, runs, [Place.ON] * 61 + [Place.ELSEWHERE])


def test_the_page_holds_figures_ratios_and_goals() -> None:
    page = markdown(comparison().as_json())
    assert "4 of 100 typed characters, in 2 blocks spread evenly; exactly 24 tokens each" in page
    assert "Model random:25m, float32, cpu, 1 thread." in page
    assert "| fimbria | 4 | 0 | 99.0% | 1 / 1 / 1 | 1.0 / 1.0 / 1.0 | 10.0 / 10.0 / 10.0 |" in page
    assert "| 24.0 | 32, 75% | 1.5 |" in page
    assert "| llama.cpp-psm | 4 | 0.250 / 0.250 / 0.250 | 0.250 / 0.250 / 0.250 | 4 |" in page
    assert "| median answer to that of llama.cpp's best | ≤ 0.5 × | 0.250 × | yes |" in page


def test_the_page_tells_typing_on_from_typing_elsewhere() -> None:
    page = markdown(comparison().as_json())
    assert "| typed on | fimbria | 3 | 99.0% | 1 / 1 / 1 | 10.0 / 10.0 / 10.0 |" in page
    assert "| somewhere else | llama.cpp-psm | 1 | 80.0% | 20 / 20 / 20 |" in page
    assert "| after another change |" not in page
    assert "| typed |" not in markdown(Comparison(CONFIG, comparison().runs).as_json())


def test_notes_are_about_the_engines_that_were_measured() -> None:
    page = markdown(comparison().as_json())
    assert "llama-cpp-python driven by ids" in page
    assert "The weights are random" in page
    assert "DynamicCache" not in page
    assert "fimbria lsp" not in page


@pytest.mark.parametrize(
    ("model", "fixed", "stem"),
    [
        ("starter", False, "2026-01-02-keystrokes-typing"),
        ("random:25m", True, "2026-01-02-keystrokes-typing-random-25m-fixed"),
        ("models/CodeLlama-7b", False, "2026-01-02-keystrokes-typing-CodeLlama-7b"),
    ],
)
def test_results_are_named_for_what_is_unusual(model: str, fixed: bool, stem: str) -> None:
    assert stem_of({**CONFIG, "model": model, "fixed": fixed}) == stem


def test_another_length_of_answers_is_in_the_name() -> None:
    assert stem_of({**CONFIG, "model": "starter", "max_tokens": 1}) == (
        "2026-01-02-keystrokes-typing-1-tokens-fixed"
    )


def test_a_part_in_one_piece_says_where_it_begins() -> None:
    one = {**CONFIG, "spans": [[10, 12], [12, 14]]}
    page = markdown(Comparison(one, comparison().runs).as_json())
    assert "4 of 100 typed characters after the first 10;" in page


def test_the_plot_lies_beside_the_page() -> None:
    result = comparison().as_json()
    assert "](typing.svg)" in markdown(result, Path("results") / "typing.svg")
    assert "![" not in markdown(result)


def test_a_distribution_rises_from_the_least_to_the_greatest() -> None:
    points = distribution([5.0, 1.0, 3.0])
    assert (points[0], points[-1]) == ((1.0, 0.0), (5.0, 1.0))
    assert points == sorted(points)
    assert (3.0, 0.5) in points


def test_a_plot_is_drawn_where_matplotlib_is_there(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = write_plot(comparison().runs, "Keystrokes", tmp_path / "stem.with.dots")
    assert file == tmp_path / "stem.with.dots.svg"
    drawn = file.read_text(encoding="utf-8")
    for text in ("new prompt tokens", "full answer, ms", "llama.cpp-psm"):
        assert text in drawn
