"""What a step costs, from a few measured points."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime.step_costs import StepCosts

points = st.lists(st.tuples(st.integers(1, 600), st.floats(0.01, 1e4)), min_size=1, max_size=12)


def test_between_measured_points_lies_a_line() -> None:
    costs = StepCosts.fitted([(1, 4.0), (5, 6.0), (9, 14.0)])
    assert [costs.ms(n) for n in (1, 3, 5, 7, 9)] == [4.0, 5.0, 6.0, 10.0, 14.0]


def test_behind_the_last_point_it_goes_on_as_steeply() -> None:
    assert StepCosts.fitted([(1, 4.0), (5, 6.0)]).ms(9) == 8.0
    assert StepCosts.fitted([(8, 4.0)]).ms(16) == 8.0


def test_before_the_first_point_nothing_is_gained() -> None:
    assert StepCosts.fitted([(8, 4.0), (16, 5.0)]).ms(1) == 4.0


def test_the_fastest_of_repeated_measurements_counts() -> None:
    assert StepCosts.fitted([(1, 9.0), (1, 4.0), (1, 5.0)]).ms(1) == 4.0


def test_a_disturbed_measurement_is_bounded_by_a_larger_pass() -> None:
    assert StepCosts.fitted([(1, 4.0), (2, 90.0), (4, 5.0)]).ms(2) == 5.0


@given(points)
def test_more_tokens_never_take_less_time(measured: list[tuple[int, float]]) -> None:
    costs = StepCosts.fitted(measured)
    times = [costs.ms(n) for n in range(1, 700)]
    assert all(b >= a - 1e-9 * abs(a) for a, b in itertools.pairwise(times))
    assert min(times) > 0


@given(points, st.floats(0.01, 1e5))
def test_a_chunk_fits_the_budget_unless_it_is_the_smallest(
    measured: list[tuple[int, float]], budget_ms: float
) -> None:
    costs = StepCosts.fitted(measured)
    chunk = costs.largest(budget_ms)
    assert chunk in range(16, 513, 16)
    assert chunk == 16 or costs.ms(chunk) <= budget_ms
    assert chunk == 512 or costs.ms(chunk + 16) > budget_ms


@pytest.mark.parametrize("measured", [[], [(0, 1.0)], [(1, 0.0)], [(1, float("nan"))]])
def test_nonsense_is_refused(measured: list[tuple[int, float]]) -> None:
    with pytest.raises(ValueError, match="measurement"):
        StepCosts.fitted(measured)
