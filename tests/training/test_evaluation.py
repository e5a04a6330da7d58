"""Metrics, floors, execution and what the card says about them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from model_runtime.evaluation_sandbox import passes
from training.card import CardFacts, write_card
from training.checkpoint import Progress
from training.corpus.build import Document
from training.curve import draw_curve
from training.evaluation.completer import Answer
from training.evaluation.floors import FOUR_GRAM_EXACT_MATCH, lookup_rest_of_line
from training.evaluation.overlap import benchmark_texts, measure_overlap
from training.evaluation.scoring import run_task, score, single_line_task
from training.evaluation.tasks import Item, rest_of_line_items, single_line_items
from training.fim import Hole
from training.folders import BENCHMARK_FOLDER
from training.notice import write_notice

needs_benchmarks = pytest.mark.skipif(
    not BENCHMARK_FOLDER.exists(), reason=f"no benchmark files in {BENCHMARK_FOLDER.name}"
)
needs_sandbox = pytest.mark.skipif(not passes("pass"), reason="there is no sandbox to be had here")
ITEM = Item("p/0", Hole("def f(x):\n", "    return x + 1", "\n"), "assert f(1) == 2\n")
LOSSES = {"val_in": 2.0, "val_out": 2.25, "middle": 2.5}


class Parrot:
    """Answers every hole with the same text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def complete(self, hole: Hole, max_tokens: int, stop: tuple[str, ...] = ()) -> Answer:
        return Answer(self.text, ended=True)


@needs_sandbox
@pytest.mark.parametrize(
    ("answer", "shown", "whole", "passed"),
    [
        ("    return x + 1", 1.0, 1.0, 1.0),
        ("    return x + 1\nprint()", 1.0, 0.0, 1.0),
        ("    return 1 + x", 0.0, 0.0, 1.0),
        ("    return x", 0.0, 0.0, 0.0),
        ("    return (", 0.0, 0.0, 0.0),
    ],
)
def test_scores_of_one_answer(answer: str, shown: float, whole: float, passed: float) -> None:
    task = single_line_task([ITEM])
    found = run_task(task, Parrot(answer), execute=True, tick=lambda: None)
    assert (found.exact_shown, found.exact_whole, found.passed) == (shown, whole, passed)


def test_nothing_is_executed_unasked() -> None:
    assert score(single_line_task([ITEM]), [Answer("", True)], execute=False).passed is None


def test_the_lookup_prefers_a_line_in_the_same_place() -> None:
    hole = Hole("a = 1\nb = load(2)\na = 1\nb = load(3)\na = 1\nb = lo", "", "\nb = local\n")
    assert lookup_rest_of_line(hole) in {"ad(2)", "ad(3)"}
    assert lookup_rest_of_line(Hole("x = first(y)\nz = fir", "", "")) == "st(y)"
    assert lookup_rest_of_line(Hole("x = q", "", "")) == ""


def test_rest_of_line_items_are_fixed(documents: list[Document]) -> None:
    items = rest_of_line_items(documents, 30)
    assert items == rest_of_line_items(documents, 30)
    assert all("\n" not in item.hole.middle for item in items)


@needs_benchmarks
@needs_sandbox
def test_benchmark_lines_are_asked_as_in_an_editor() -> None:
    items = single_line_items(BENCHMARK_FOLDER)
    assert len(items) == 1033
    assert all(item.hole.suffix.startswith("\n") for item in items)
    assert passes(items[0].filled(items[0].hole.middle) + (items[0].check or ""))


@needs_benchmarks
def test_overlap_finds_a_leaked_problem(documents: list[Document]) -> None:
    texts = benchmark_texts(BENCHMARK_FOLDER)
    assert len(texts) == 164
    leaked = Document("leak", "leak.py", texts["HumanEval/0"])
    # `: int) -> int: """` and the like are everywhere.
    assert measure_overlap(documents, texts).shared_grams < 5
    assert measure_overlap([*documents, leaked], texts).shared_grams > 50


@needs_sandbox
def test_the_card_states_every_floor() -> None:
    task = single_line_task([ITEM])
    scored = asdict(score(task, [Answer("    return x + 1", True)], execute=True))
    record = {
        "executed": True,
        "held_out": LOSSES,
        "scores": dict.fromkeys(("single_line", "random_span", "rest_of_line"), scored),
        "floors": {
            "single_line_four_gram": FOUR_GRAM_EXACT_MATCH,
            "single_line_copy_oracle": 0.071,
            "single_line_deleted_passes": 0.026,
            "rest_of_line_lookup": 0.21,
        },
        "overlap": {
            "benchmark_grams": 1000,
            "shared_grams": 5,
            "problems": 164,
            "problems_touched": 4,
            "examples": [],
        },
    }
    source = {"name": "rich", "version": "15.0", "licence": "MIT", "chars": 10}
    corpus = {
        "chars": {"train": 10},
        "files": {"train": 1},
        "trained_on": [source],
        "held_out": ["click"],
    }
    card = write_card(CardFacts(8_000_000, Progress(tokens=10**6), corpus, record, record))
    for stated in ("1.2%", "7.1%", "2.6%", "21.0%", "8.0M", "1.0M", "2.25", "0.50%", "MIT"):
        assert stated in card
    assert "$" not in card
    assert "rich 15.0: MIT" in write_notice([source], warm_start=False)


def test_the_curve_is_an_image(tmp_path: Path) -> None:
    history = [{"step": 1.0, "tokens": 1e6 * n, "train": 2.0, **LOSSES} for n in (1, 2)]
    image = draw_curve(history)
    assert image.startswith("<svg")
    assert image.count("polyline") == 3
    assert json.dumps(history)
