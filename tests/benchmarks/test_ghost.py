"""What is read from the screen after each key, and the figures made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.ghost_flickers import Frame
from benchmarks.ghost_keys import Key, Kind, Press, keys_of, outcomes, places
from benchmarks.ghost_neovim import in_neovims_notation
from benchmarks.ghost_report import figures, ghost_markdown
from benchmarks.ghost_text import SOURCES, sample
from benchmarks.machine import machine

LINE = "\n "
"""The first key: a line break with one blank, at 0 ms; the others come 60 ms apart."""


def frame(ms: float, ghost: str, *, column: int = 2) -> Frame:
    return Frame(ms / 1000, (1, column), ghost)


def read(
    keys: str, *frames: Frame, ghost: str = "obar", is_waiting: bool = False, said: Kind
) -> list[Key]:
    """What keys led to, the first of which comes at 60 ms behind LINE and ghost text."""
    start = frame(20, ghost, column=1)
    presses = []
    for at, key in enumerate([LINE, *keys]):
        began, ends = 0.06 * at, 0.06 * (at + 1)
        drawn = [one for one in (start, *frames) if began <= one.at < ends]
        presses.append(Press(key, began, ends - 0.003, drawn, is_waiting, said))
    _, *found = outcomes(Frame(-1, (0, 1), ""), presses)
    return found


def one(key: str, *frames: Frame, ghost: str = "obar") -> Key:
    (found,) = read(key, *frames, ghost=ghost, said=Kind.UNASKED)
    return found


def test_a_key_that_goes_along() -> None:
    key = one("o", frame(61, "bar"))
    assert (key.echo_ms, key.ghost_ms, key.is_along, key.is_flicker) == (1, 1, True, False)


def test_a_key_that_brings_ghost_text() -> None:
    key = one("x", frame(61, ""), frame(90, "yz"))
    assert (key.echo_ms, key.ghost_ms, key.is_fresh, key.is_flicker) == (1, 30, True, False)


def test_what_comes_with_the_echo_answers_the_key_before() -> None:
    first, second = read("xy", frame(61, ""), frame(121, "z", column=3), said=Kind.UNASKED)
    assert (first.ghost_ms, first.late_ms) == (None, 61)
    assert (second.ghost_ms, second.is_fresh, second.is_along) == (1, False, False)


def test_what_comes_before_the_echo_answers_the_key_before() -> None:
    frames = (frame(61, ""), frame(121, "yz"), frame(122, "z", column=3))
    first, second = read("xy", *frames, said=Kind.UNASKED)
    assert first.late_ms == 61
    assert second.is_along


def test_what_a_slow_screen_still_shows_of_the_key_before_is_no_late_answer() -> None:
    frames = (frame(121, "bar"), frame(150, "ar", column=3))
    first, second = read("ob", *frames, said=Kind.UNASKED)
    assert (first.echo_ms, first.late_ms) == (None, None)
    assert (second.echo_ms, second.is_along) == (30, True)


def test_typing_along_may_be_drawn_late_and_flickers_then() -> None:
    key = one("o", frame(61, ""), frame(67, "bar"))
    assert (key.echo_ms, key.ghost_ms, key.is_along, key.is_flicker) == (1, 7, True, True)


def test_an_agreeing_key_without_the_rest_flickers() -> None:
    key = one("o", frame(61, ""))
    assert (key.ghost_ms, key.is_along, key.is_flicker) == (None, False, True)


def test_a_flicker_belongs_to_the_key_in_whose_time_it_is() -> None:
    frames = (frame(61, "bar"), frame(121, "", column=3))
    assert [key.is_flicker for key in read("ob", *frames, said=Kind.UNASKED)] == [False, False]
    young = (frame(61, ""), frame(90, "yz"), frame(121, "", column=3))
    assert [key.is_flicker for key in read("xy", *young, said=Kind.UNASKED)] == [False, True]


def test_a_frame_before_the_echo_does_not_count() -> None:
    key = one("x", frame(61, "obar", column=1), frame(62, ""))
    assert (key.echo_ms, key.ghost_ms) == (2, None)


def test_nothing_drawn() -> None:
    key = one("x")
    assert (key.echo_ms, key.ghost_ms, key.is_along) == (None, None, False)


def kind(*frames: Frame, is_waiting: bool = False, said: Kind = Kind.NOTHING) -> Kind:
    (key,) = read("x", *frames, is_waiting=is_waiting, said=said)
    assert key.is_answered == (key.kind in ("ghost", "nothing"))
    return key.kind


def test_answers_are_of_kinds() -> None:
    assert kind(frame(61, ""), frame(90, "yz")) is Kind.GHOST
    assert kind(frame(61, "")) is Kind.NOTHING
    assert kind(frame(61, ""), is_waiting=True) is Kind.WAITING
    assert kind(frame(61, ""), frame(118, "yz"), is_waiting=True) is Kind.WAITING, "too late"
    assert kind(frame(61, "yz"), frame(90, "")) is Kind.NOTHING, "taken away"
    for said in (Kind.ERROR, Kind.NULL, Kind.UNDRAWN, Kind.UNASKED):
        assert kind(frame(61, ""), said=said) is said


def test_keys_are_those_that_a_person_presses() -> None:
    keys = list(keys_of(["    a < b"]))
    assert keys == ["\n    ", "a", " ", "<", " ", "b"]
    assert [in_neovims_notation(key) for key in keys] == [
        *("<CR>    ", "a", "<Space>", "<lt>", "<Space>", "b"),
    ]
    assert list(places([*keys, "\n"], 7)) == [*((8, column) for column in range(4, 10)), (9, 0)]


def test_what_is_typed_is_cut_out_of_the_file() -> None:
    text = "\n".join(f"    def f{n}(): ...\n        pass" for n in range(20))
    cut = sample("x.py", text, 12)
    assert "\n".join([*cut.before, *cut.typed, *cut.after]) == text
    assert cut.around == "\n".join([*cut.before, *cut.after])
    assert cut.typed[0].startswith("    def f1")
    assert len(cut.typed) == 12


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_texts_are_plain_enough_to_be_read_from_a_screen(source: Path) -> None:
    """Each column is a character, and no line is wrapped."""
    lines = sample("x.py", source.read_text(encoding="utf-8"), 12).typed
    assert all(line.isascii() and "\t" not in line and len(line) <= 100 for line in lines)


FRESH = Key("a", 1.0, 31.0, None, False, False, Kind.GHOST, False)
ALONG = Key("b", 2.0, 2.5, None, True, False, Kind.GHOST, False)
LATE = Key("c", 1.5, None, 61.0, False, False, Kind.ERROR, True)


@pytest.mark.parametrize("editor", ["neovim", "vscode"])
def test_figures(editor: str) -> None:
    without = [replace(FRESH, ghost_ms=None, kind=Kind.UNASKED)]
    point = figures(150, [FRESH, ALONG, LATE], without)
    assert (point["num_fresh"], point["num_late"], point["fresh_ms"]) == (2, 1, [46.0, 58.0])
    assert (point["num_along"], point["along_ms"]) == (1, 0.5)
    assert round(point["answered_share"], 2) == 0.67
    assert point["kinds"] == {**{kind.value: 0 for kind in Kind}, "ghost": 2, "error": 1}
    assert (point["num_flickers"], point["with_echo_ms"]) == (1, [1.5, 1.9])
    assert point["echo_ms"] == [0.5, 0.9]
    config = {**machine(), "model": "starter", "dtype": "float32", "device": "cpu", "threads": 1}
    named = {**config, "editor": editor, "sources": ["x.py", "y.py"]}
    points = [{"text": "x.py", "is_plugin_first": True, **point}]
    page = ghost_markdown({"config": named, "points": points})
    assert "| x.py | 150 | 3 | 67% | 2 | 1 | 46.0 / 58.0 | 1 | 0.5 | 1 |" in page
    assert "| x.py | 150 | 2 | 0 | 0 | 0 | 0 | 1 | 0 |" in page
    assert "| x.py | 150 | first | 1.0 / 1.0 | 1.5 / 1.9 | +0.5 / +0.9 |" in page


def test_a_server_that_only_answers_errors_answers_nothing() -> None:
    point = figures(150, [replace(LATE, late_ms=None)] * 3, [])
    assert point["answered_share"] == 0
    assert point["fresh_ms"] is None
