"""What is read from VS Code's page after each key, from records as a real one wrote them down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.ghost_keys import Key, Kind, keys_of
from benchmarks.ghost_page import Record, questions, read
from benchmarks.ghost_server import said
from benchmarks.ghost_text import Sample, daemon_of_its_own
from benchmarks.ghost_vscode import recorded, type_each, workbench_on
from tests.editors.vscode_fixtures import vscode_tools

START: Record = ("frame", 0.0, 95, "", "")


def frame(at: float, text: str, ghost: str = "") -> Record:
    return ("frame", at, 114, text, ghost)


def outcomes(
    keys: Sequence[str],
    records: Sequence[Record],
    delay_ms: float,
    *,
    answer: Kind = Kind.NOTHING,
) -> list[Key]:
    """The outcomes where the server has said the same at every place of the first lines."""
    everywhere = {(line, column): answer for line in range(3) for column in range(30)}
    return read(keys, records, delay_ms, everywhere, 0)


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


def kind(*after: Record, answer: Kind = Kind.NOTHING) -> Kind:
    """What there is of an answer to a key at 100 ms before the next one at 250 ms."""
    records = [START, ("key", 100.0, "Enter"), frame(110, "  "), *after]
    (key,) = outcomes(["\n  "], records, 150, answer=answer)
    return key.kind


def test_nothing_is_what_the_server_has_meant_by_it() -> None:
    nothing = [("asked", 155.0, 0), ("told", 180.0, 0, 0)]
    for answer in (Kind.NOTHING, Kind.NULL, Kind.ERROR):
        assert kind(*nothing, answer=answer) is answer


def test_what_is_no_answer() -> None:
    asked = ("asked", 155.0, 0)
    assert kind() is Kind.UNASKED
    assert kind(asked) is Kind.WAITING
    assert kind(asked, ("told", 249.0, 0, 0)) is Kind.WAITING, "too late"
    assert kind(asked, ("told", 180.0, 0, -1)) is Kind.NULL, "not wanted any more"
    assert kind(asked, ("told", 180.0, 0, 1)) is Kind.UNDRAWN
    assert kind(asked, ("told", 180.0, 0, 0), ("asked", 200.0, 1)) is Kind.WAITING, "asked anew"
    taken_away = (("told", 180.0, 0, 1), frame(190, "  ", "ab"), frame(220, "  "))
    assert kind(asked, *taken_away) is Kind.UNDRAWN


def test_an_answer_to_an_earlier_key_is_not_this_ones() -> None:
    records = [
        *(START, ("key", 100.0, "Enter"), frame(110, "  "), ("asked", 155.0, 0)),
        *(("key", 160.0, "a"), frame(170, "  a"), ("told", 180.0, 0, 0)),
    ]
    kinds = [key.kind for key in outcomes(["\n  ", "a"], records, 60)]
    assert kinds == [Kind.WAITING, Kind.UNASKED]


def test_ghost_text_that_is_replaced_at_once_flickers() -> None:
    records = [START, ("key", 100.0, "Enter"), frame(110, "  "), frame(150, "  ", "ab")]
    (stays,) = outcomes(["\n  "], records, 150)
    (flickers,) = outcomes(["\n  "], [*records, frame(190, "  ", "cd")], 150)
    assert not stays.is_flicker
    assert flickers.is_flicker


def test_ghost_text_that_goes_with_an_agreeing_key_flickers() -> None:
    records = [START, ("key", 100.0, "Enter"), frame(110, "  "), frame(190, "  ", "ab")]
    key = ("key", 250.0, "a")
    (_, stays) = outcomes(["\n  ", "a"], [*records, key, frame(262, "  a", "b")], 150)
    (_, goes) = outcomes(["\n  ", "a"], [*records, key, frame(262, "  a")], 150)
    blinks = [*records, key, frame(262, "  a"), frame(279, "  a", "b")]
    (_, blinking) = outcomes(["\n  ", "a"], blinks, 150)
    assert not stays.is_flicker
    assert goes.is_flicker
    assert blinking.is_flicker


def test_lost_keys_are_not_measured() -> None:
    with pytest.raises(ValueError, match="VS Code got"):
        outcomes(["\n", "a"], [START, ("key", 100.0, "Enter")], 150)


@pytest.mark.editor
@pytest.mark.timeout(400)
def test_keys_in_a_real_vscode(tmp_path: Path) -> None:
    vscode_tools()
    record = tmp_path / "record"
    cut = Sample("size.py", ["import os", "", "", "def file_size(path):"], [], [""])
    keys = list(keys_of(["    return os.path.getsize("]))

    def is_answered(records: Sequence[Record]) -> bool:
        *_, (_, _, _, text, ghost) = (record for record in records if record[0] == "frame")
        return bool(ghost) and text.endswith("getsize(")

    with (
        daemon_of_its_own() as environment,
        workbench_on(cut, environment, record, with_plugin=True) as window,
    ):
        type_each(window, keys, 60)
        window.until(lambda: is_answered(recorded(window)), "ghost text in the last frame")
        records = recorded(window)
    found = read(keys, records, 60_000, said(record), 3)
    assert [key.text for key in found] == keys
    assert found[-1].kind is Kind.GHOST
    assert said(record)[4, 27] is Kind.UNDRAWN
    assert records[-1][0] != "key"
    shown = [record for record in records if record[0] == "frame"]
    assert shown[0][3] == "def file_size(path):"
    assert shown[-1][3] == "    return os.path.getsize("
    assert questions(records)[-1].num_suggestions > 0
