"""What is read from the screen after each key, and the figures made of it."""

from __future__ import annotations

import pytest

from benchmarks.ghost_keys import Frame, Key, keys_of, outcome
from benchmarks.ghost_neovim import in_neovims_notation
from benchmarks.ghost_report import figures, ghost_markdown
from benchmarks.ghost_text import sample
from benchmarks.machine import machine

BEFORE = Frame(0.0, (0, 1), "obar")


def frame(ms: float, ghost: str, *, column: int = 2) -> Frame:
    return Frame(ms / 1000, (0, column), ghost)


def read(key: str, *frames: Frame) -> Key:
    return outcome(key, 0.0, BEFORE, frames, is_answered=True)


def test_a_key_that_goes_along() -> None:
    key = read("o", frame(1, "bar"))
    assert (key.echo_ms, key.ghost_ms, key.is_along, key.is_flicker) == (1, 1, True, False)


def test_a_key_that_brings_ghost_text() -> None:
    key = read("x", frame(1, ""), frame(30, "yz"))
    assert (key.echo_ms, key.ghost_ms, key.is_along, key.is_flicker) == (1, 30, False, False)


def test_what_comes_with_the_echo_answers_the_key_before() -> None:
    key = outcome("x", 0.0, Frame(0.0, (0, 1), ""), [frame(1, "yz")], is_answered=True)
    assert (key.echo_ms, key.ghost_ms, key.is_along) == (1, 1, True)


def test_typing_along_may_be_drawn_late() -> None:
    key = read("o", frame(1, ""), frame(7, "bar"))
    assert (key.echo_ms, key.ghost_ms, key.is_along) == (1, 7, True)


def test_a_frame_before_the_echo_does_not_count() -> None:
    key = read("x", frame(1, "obar", column=1), frame(2, ""))
    assert (key.echo_ms, key.ghost_ms) == (2, None)


def test_ghost_text_that_goes_without_a_key_flickers() -> None:
    assert read("x", frame(1, "yz"), frame(50, "")).is_flicker
    assert read("x", frame(1, "yz"), frame(50, "other")).is_flicker
    assert not read("x", frame(1, "yz"), frame(150, "")).is_flicker


def test_nothing_drawn() -> None:
    key = read("x")
    assert (key.echo_ms, key.ghost_ms, key.is_along) == (None, None, False)


def test_keys_are_those_that_a_person_presses() -> None:
    keys = list(keys_of(["    a < b"]))
    assert keys == ["\n    ", "a", " ", "<", " ", "b"]
    assert [in_neovims_notation(key) for key in keys] == [
        *("<CR>    ", "a", "<Space>", "<lt>", "<Space>", "b"),
    ]


def test_what_is_typed_is_cut_out_of_the_file() -> None:
    text = "\n".join(f"    def f{n}(): ...\n        pass" for n in range(20))
    cut = sample("x.py", text, 12)
    assert "\n".join([*cut.before, *cut.typed, *cut.after]) == text
    assert cut.around == "\n".join([*cut.before, *cut.after])
    assert cut.typed[0].startswith("    def f1")
    assert len(cut.typed) == 12


@pytest.mark.parametrize("editor", ["neovim", "vscode"])
def test_figures(editor: str) -> None:
    keys = [
        Key("a", 1.0, 31.0, is_along=False, is_answered=True, is_flicker=False),
        Key("b", 2.0, 2.5, is_along=True, is_answered=True, is_flicker=False),
        Key("c", 1.5, None, is_along=False, is_answered=False, is_flicker=True),
    ]
    without = [Key("a", 1.0, None, is_along=False, is_answered=True, is_flicker=False)]
    point = figures(150, keys, without)
    assert point["num_fresh"] == 1
    assert point["fresh_ms"] == 31.0
    assert point["num_along"] == 1
    assert point["along_ms"] == 0.5
    assert round(point["answered_share"], 2) == 0.67
    assert (point["num_flickers"], point["echo_ms"]) == (1, 0.5)
    config = {**machine(), "model": "starter", "dtype": "float32", "device": "cpu", "threads": 1}
    named = {**config, "editor": editor, "source": "x.py"}
    page = ghost_markdown({"config": named, "points": [point]})
    assert "| 150 | 3 | 67% | 1 | 31.0 | 1 | 0.5 | 1 | 1.0 | 1.5 | +0.5 |" in page
