"""Windows fit, end on lines, and stay put while one types."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from model_runtime.windows import frozen_len, prefix_window, suffix_window

line_lists = st.lists(st.integers(1, 60), max_size=60).map(
    lambda lens: [[number] * size for number, size in enumerate(lens)]
)
budgets = st.integers(1, 900)


@given(line_lists.filter(bool), budgets)
def test_a_prefix_window_is_the_end_of_the_text_and_fits(
    lines: list[list[int]], budget: int
) -> None:
    first, ids = prefix_window(lines, budget)
    everything = [i for line in lines for i in line]
    assert len(ids) <= budget
    assert ids == everything[len(everything) - len(ids) :]
    assert ids == [i for line in lines[first:] for i in line] or first == len(lines) - 1


@given(line_lists, budgets)
def test_a_suffix_window_is_the_beginning_of_the_text_and_fits(
    lines: list[list[int]], budget: int
) -> None:
    ids = suffix_window(lines, budget)
    everything = [i for line in lines for i in line]
    assert len(ids) <= budget
    assert ids == everything[: len(ids)]


@given(line_lists.filter(bool), st.integers(40, 900), st.integers(1, 20))
def test_typing_hops_instead_of_sliding(
    lines: list[list[int]], budget: int, num_lines: int
) -> None:
    """While a window's worth of tokens is typed, its start moves only a few times."""
    starts = []
    typed: list[int] = []
    for token in range(budget):
        if token % (num_lines * 10) == 0 and typed:
            lines, typed = [*lines, typed], []
        typed = [*typed, token]
        starts.append(prefix_window([*lines, typed], budget)[0])
    moves = sum(a != b for a, b in itertools.pairwise(starts))
    assert starts == sorted(starts)
    assert moves <= 4


def test_one_endless_line_is_cut_inside() -> None:
    assert prefix_window([list(range(1000))], 300) == (0, list(range(750, 1000)))
    assert suffix_window([list(range(1000))], 300) == list(range(300))


def test_no_text_no_tokens() -> None:
    assert suffix_window([], 10) == []
    assert suffix_window([[1]], 0) == []


texts = st.lists(st.text("ab", max_size=30), min_size=1, max_size=60).map("\n".join)


@given(texts, st.integers(1, 200))
def test_the_frozen_part_ends_on_a_line_and_what_follows_fits(text: str, budget: int) -> None:
    end = frozen_len(text, lambda typed: len(typed) <= budget)
    last_line = text[text.rfind("\n") + 1 :]
    assert text[:end].endswith("\n") or end == 0
    assert len(text) - end <= max(budget, len(last_line))
    assert text[end:].count("\n") < 16


@given(texts, texts, st.integers(1, 200))
def test_the_frozen_part_never_shrinks_while_one_types(
    before: str, typed: str, budget: int
) -> None:
    ends = [
        frozen_len(before + typed[:size], lambda text: len(text) <= budget)
        for size in range(len(typed) + 1)
    ]
    assert ends == sorted(ends)


def test_a_frozen_part_ends_inside_an_endless_line() -> None:
    assert frozen_len("a\n" + "x" * 1000, lambda typed: len(typed) < 300) == 2 + 768
