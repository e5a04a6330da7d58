"""Thresholds and bad habits, of suggestions made up for it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks.quality import advice
from benchmarks.quality_answers import (
    Answer,
    Ending,
)
from benchmarks.quality_calibration import (
    FEWEST_SHOWN,
    STATISTICS,
    Outcome,
    calibrate,
    choose_threshold,
    gated,
    mean,
    outcome,
    outcomes,
    steps,
)
from benchmarks.quality_habits import Habit, habits_of
from benchmarks.quality_items import (
    context_of,
)
from benchmarks.quality_report import calibration_table, habits_table, steps_table
from model_runtime.api import Capability, CompletionRequest, ModelInfo
from training.evaluation.tasks import Item
from training.fim import Hole

MODEL = ModelInfo(id="m", context_length=1024, capabilities=frozenset({Capability.INFILLING}))


class Parrot:
    """Answers every request with the same text."""

    def __init__(self, text: str, ending: Ending = Ending.STOP) -> None:
        self._answer = Answer(text, ending, (-0.5, -1.5))
        self.requests: list[CompletionRequest] = []

    def answer(self, request: CompletionRequest) -> Answer:
        self.requests.append(request)
        return self._answer


def item(prefix: str, middle: str, suffix: str = "\n", problem: str = "p") -> Item:
    return Item(problem, Hole(prefix, middle, suffix))


def made(logprob: float, *, exact: bool, shown: str = "x", cluster: str = "p") -> Outcome:
    return Outcome(cluster, "", shown, exact, (logprob,))


# ---- calibration ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "shown", "exact"),
    [
        ("second(1)", "second(1)", True),
        ("second(1)  ", "second(1)", True),
        ("third", "third", False),
        ("   ", "", False),
        ("second(1)\nmore", "second(1)", True),
    ],
)
def test_what_the_editor_would_show_is_judged(answer: str, shown: str, exact: bool) -> None:
    parrot = Parrot(answer)
    place = item("first = ", "second(1)", "\nmore\n", problem="a.py")
    found = outcome(parrot, place, MODEL)
    assert (found.shown, found.exact) == (shown, exact)
    assert (found.cluster, found.line_before) == ("a.py", "first = ")
    assert found.logprobs == (-0.5, -1.5)
    assert parrot.requests[0].stop == ("\n",)


def test_nothing_to_say_at_the_end_of_a_line_is_not_exact_but_not_shown() -> None:
    found = outcome(Parrot(""), item("first = 1", "", "\n"), MODEL)
    assert (found.shown, found.exact) == ("", False)
    assert not outcome(Parrot(" + 2"), item("first = 1", "", "\n"), MODEL).exact


def test_a_replaced_bracket_is_right_once() -> None:
    found = outcome(Parrot("second)"), item("print(", "second", ")\n"), MODEL)
    assert found.exact


def test_the_threshold_lets_as_much_through_as_the_precision_allows() -> None:
    sure = [made(-0.1, exact=True) for _ in range(FEWEST_SHOWN)]
    unsure = [made(-1.0, exact=False) for _ in range(FEWEST_SHOWN)]
    hopeless = [made(-3.0, exact=False) for _ in range(2 * FEWEST_SHOWN)]
    silent = [made(-0.01, exact=False, shown="")] * 5
    found = [*sure, *unsure, *hopeless, *silent]
    assert choose_threshold(found, mean, 0.5) == pytest.approx(-1.0)
    assert choose_threshold(found, mean, 0.9) == pytest.approx(-0.1)
    share = gated(found, mean, -1.0)
    assert (share.requests, share.shown, share.exact) == (len(found), 40, 20)
    assert share.precision == 0.5
    assert share.shown_share == pytest.approx(40 / len(found))


def test_no_threshold_helps_a_model_that_is_never_right() -> None:
    found = [made(-0.1, exact=False) for _ in range(100)]
    assert choose_threshold(found, mean, 0.4) == math.inf
    assert gated(found, mean, math.inf).shown == 0


def test_few_suggestions_prove_nothing() -> None:
    found = [made(-0.1, exact=True)] * (FEWEST_SHOWN - 1) + [made(-1, exact=False)] * 100
    assert choose_threshold(found, mean, 0.9) == math.inf


def test_equally_likely_suggestions_pass_together() -> None:
    sure = [made(-0.101, exact=True) for _ in range(FEWEST_SHOWN)]
    in_the_same_step = [made(-0.105, exact=False) for _ in range(FEWEST_SHOWN)]
    found = [*sure, *in_the_same_step]
    assert choose_threshold(found, mean, 0.9) == math.inf
    assert choose_threshold(found, mean, 0.5) == -0.11


def test_answers_without_logprobs_cannot_be_calibrated() -> None:
    class Silent:
        def answer(self, request: CompletionRequest) -> Answer:
            return Answer("x", Ending.STOP, ())

    with pytest.raises(ValueError, match="no log-probabilities"):
        outcomes(Silent(), [item("first = ", "second")], MODEL)


def test_statistics_of_an_answer() -> None:
    values = {name: statistic((-1.0, -2.0, -6.0)) for name, statistic in STATISTICS.items()}
    assert values == {"mean": -3, "mean without the end": -1.5, "sum": -9, "minimum": -6}
    assert STATISTICS["mean without the end"]((-2.0,)) == -2


def test_steps_go_from_strict_to_everything() -> None:
    found = [made(-0.1 * n, exact=n < 5) for n in range(20)]
    values = steps(found, mean, 4)
    assert values == sorted(values, reverse=True)
    assert [gated(found, mean, value).shown for value in values] == [5, 10, 15, 20]
    assert len(steps_table(found)) == 2 + 10


def test_what_to_write_into_the_configuration() -> None:
    good = [made(-0.1, exact=True, cluster=f"f{n}") for n in range(40)]
    bad = [made(-2.0, exact=False, cluster=f"g{n}") for n in range(400)]
    calibrations = calibrate(good + bad, good + bad, 0.4)
    (line,) = advice(calibrations, 0.4)
    assert '"min_mean_logprob": -0.10' in line or '"min_mean_logprob": -0.11' in line
    assert len(calibration_table(calibrations)) == 2 + len(STATISTICS)
    (line,) = advice(calibrate(bad, bad, 0.4), 0.4)
    assert "No threshold" in line


# ---- habits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "text", "expected"),
    [
        ("x = 1\n", "y = 2", set()),
        ("x = 1\nx", " = 1", {Habit.REPEATS_ABOVE}),
        ("x = 1\n", "    y = 2", {Habit.TOO_DEEP}),
        ("if x:\n", "    y = 2", set()),
        ("x = (\n", "    y,", set()),
        ("if x:\n    y = 1\n", "   z = 2", {Habit.UNEVEN}),
        ("print(", "x))", {Habit.CLOSES_TOO_MUCH}),
        ("print((\n    x", "))", set()),
        ("print(", "x", {Habit.LEAVES_OPEN}),
        ("print(", "x,", set()),
        ("print(", "')')", set()),
    ],
)
def test_bad_habits(prefix: str, text: str, expected: set[Habit]) -> None:
    context = context_of(item(prefix, ""))
    assert habits_of(context, text, cut_short=False) == expected
    assert habits_of(context, text, cut_short=True) == expected | {Habit.UNFINISHED}


def test_habits_are_counted_among_what_passes() -> None:
    found = [
        replace(made(-0.1, exact=True), habits=frozenset({Habit.UNEVEN})),
        made(-0.2, exact=False),
        replace(made(-3.0, exact=False), habits=frozenset({Habit.UNEVEN})),
    ]
    line = next(line for line in habits_table(found, -1.0) if Habit.UNEVEN in line)
    assert line.endswith("| 50.0% (1) | 1 |")
