"""What is read from VS Code's page after each key, from records as a real one wrote them down."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.ghost_keys import keys_of
from benchmarks.ghost_page import Record, outcomes, questions
from benchmarks.ghost_text import Sample, daemon_of_its_own
from benchmarks.ghost_vscode import recorded, type_each, workbench_on
from tests.editors.vscode_fixtures import vscode_tools

START: Record = ("frame", 0.0, 95, "", "")


def frame(at: float, text: str, ghost: str = "") -> Record:
    return ("frame", at, 114, text, ghost)


def test_ghost_text_that_comes_and_is_typed_along() -> None:
    records = [
        *(START, ("key", 100.0, "Enter"), frame(110, "  "), ("asked", 155.0, 0)),
        *(("told", 180.0, 0, 1), frame(190, "  ", "ab")),
        *(("key", 250.0, "a"), frame(262, "  a", "b"), ("asked", 301.0, 1), ("told", 310.0, 1, 1)),
    ]
    fresh, along = outcomes(["\n  ", "a"], records, 150)
    assert (fresh.echo_ms, fresh.ghost_ms, fresh.is_along, fresh.is_answered) == (
        *(10.0, 90.0),
        *(False, True),
    )
    assert (along.echo_ms, along.ghost_ms, along.is_along, along.is_answered) == (
        *(12.0, 12.0),
        *(True, True),
    )
    assert not fresh.is_flicker
    assert not along.is_flicker


def test_a_line_break_is_echoed_with_its_indentation() -> None:
    records = [START, ("key", 100.0, "Enter"), frame(110, ""), frame(127, "    ")]
    (key,) = outcomes(["\n    "], records, 150)
    assert key.echo_ms == 27


def test_the_echo_of_the_key_before_is_not_this_ones() -> None:
    records = [
        *(START, ("key", 100.0, "Enter"), ("key", 160.0, "a")),
        *(frame(165, "  "), frame(182, "  a")),
    ]
    late, key = outcomes(["\n  ", "a"], records, 60)
    assert late.echo_ms is None
    assert key.echo_ms == 22


def is_answered(*after: Record) -> bool:
    """Whether a key at 100 ms is answered before the next one at 250 ms."""
    records = [START, ("key", 100.0, "Enter"), frame(110, "  "), *after]
    (key,) = outcomes(["\n  "], records, 150)
    return key.is_answered


def test_a_reasoned_nothing_is_an_answer() -> None:
    assert is_answered(("asked", 155.0, 0), ("told", 180.0, 0, 0))


def test_what_is_no_answer() -> None:
    assert not is_answered()
    assert not is_answered(("asked", 155.0, 0))
    assert not is_answered(("asked", 155.0, 0), ("told", 249.0, 0, 0)), "too late"
    assert not is_answered(("asked", 155.0, 0), ("told", 180.0, 0, -1)), "not wanted any more"
    assert not is_answered(("asked", 155.0, 0), ("told", 180.0, 0, 1)), "and never drawn"
    assert not is_answered(
        *(("asked", 155.0, 0), ("told", 180.0, 0, 0), ("asked", 200.0, 1)),
    ), "asked anew"
    assert not is_answered(
        ("asked", 155.0, 0), ("told", 180.0, 0, 1), frame(190, "  ", "ab"), frame(220, "  ")
    ), "taken away"


def test_an_answer_to_an_earlier_key_is_not_this_ones() -> None:
    records = [
        *(START, ("key", 100.0, "Enter"), frame(110, "  "), ("asked", 155.0, 0)),
        *(("key", 160.0, "a"), frame(170, "  a"), ("told", 180.0, 0, 0)),
    ]
    assert [key.is_answered for key in outcomes(["\n  ", "a"], records, 60)] == [False, False]


def test_ghost_text_that_is_replaced_at_once_flickers() -> None:
    records = [START, ("key", 100.0, "Enter"), frame(110, "  "), frame(150, "  ", "ab")]
    (stays,) = outcomes(["\n  "], records, 150)
    (flickers,) = outcomes(["\n  "], [*records, frame(190, "  ", "cd")], 150)
    assert not stays.is_flicker
    assert flickers.is_flicker


def test_lost_keys_are_not_measured() -> None:
    with pytest.raises(ValueError, match="VS Code got"):
        outcomes(["\n", "a"], [START, ("key", 100.0, "Enter")], 150)


@pytest.mark.editor
@pytest.mark.timeout(400)
def test_keys_in_a_real_vscode() -> None:
    vscode_tools()
    cut = Sample("size.py", ["import os", "", "", "def file_size(path):"], [], [""])
    keys = list(keys_of(["    return os.path.getsize("]))

    def has_ghost_text(records: Sequence[Record]) -> bool:
        return any(record[0] == "frame" and record[4] for record in records)

    with (
        daemon_of_its_own() as environment,
        workbench_on(cut, environment, with_plugin=True) as window,
    ):
        type_each(window, keys, 60)
        window.until(lambda: has_ghost_text(recorded(window)), "ghost text in a frame")
        records = recorded(window)
    assert [key.text for key in outcomes(keys, records, 60_000)] == keys
    assert records[-1][0] != "key"
    shown = [record for record in records if record[0] == "frame"]
    assert shown[0][3] == "def file_size(path):"
    assert shown[-1][3] == "    return os.path.getsize("
    assert questions(records)[-1].num_suggestions > 0
