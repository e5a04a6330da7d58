"""Ghost text that goes when it should have stayed, read from drawn frames."""

from __future__ import annotations

from benchmarks.ghost_flickers import Frame, flicker_times

FO = Frame(0.0, (0, 2), "")
"""`fo` is written, and nothing suggested."""


def frame(ms: float, ghost: str, *, column: int = 2, row: int = 0) -> Frame:
    return Frame(ms / 1000, (row, column), ghost)


def flickers(*frames: Frame, typed: str = "", every_ms: float = 60) -> list[float]:
    """When it flickers, in milliseconds; the first key comes at 60 ms."""
    keys = [((1 + at) * every_ms / 1000, char) for at, char in enumerate(typed)]
    return [round(1000 * at) for at in flicker_times([FO, *frames], keys)]


def test_ghost_text_that_goes_without_a_key() -> None:
    assert flickers(frame(10, "obar"), frame(50, "")) == [50]
    assert flickers(frame(10, "obar"), frame(50, "other")) == [50]
    assert flickers(frame(10, "obar"), frame(120, "")) == []


def test_ghost_text_that_grows_stays() -> None:
    assert flickers(frame(10, "obar"), frame(50, "obar()"), frame(90, "")) == [90]


def test_ghost_text_that_goes_with_a_key_that_agrees() -> None:
    """Young is what came 50 ms ago, whatever key has come since."""
    assert flickers(frame(10, "obar"), frame(61, "", column=3), typed="o") == [61]
    assert flickers(frame(10, "obar"), frame(61, "other", column=3), typed="o") == [61]


def test_ghost_text_that_is_typed_along() -> None:
    along = (frame(10, "obar"), frame(61, "bar", column=3), frame(121, "ar", column=4))
    assert flickers(*along, typed="oba") == []
    assert flickers(*along[:2], frame(95, "", column=3), typed="o") == [95], "85 ms old"
    assert flickers(*along, frame(181, "", column=5), typed="oba") == [], "171 ms old"


def test_what_is_left_first_goes_and_then_comes() -> None:
    young = (frame(10, "obar"), frame(61, "", column=3), frame(99, "bar", column=3))
    assert flickers(*young, typed="o") == [61], "once, not twice"
    old = (frame(10, "obar"), frame(150, "", column=3), frame(188, "bar", column=3))
    assert flickers(*old, typed="o", every_ms=140) == [188]
    slow = (frame(10, "obar"), frame(150, "", column=3), frame(350, "bar", column=3))
    assert flickers(*slow, typed="o", every_ms=140) == []


def test_what_comes_back_with_the_next_key_flickers_too() -> None:
    frames = (frame(10, "obar"), frame(122, "", column=3), frame(181, "ar", column=4))
    assert flickers(*frames, typed="ob", every_ms=60) == [181]


def test_a_key_that_contradicts_may_take_it_away() -> None:
    assert flickers(frame(10, "obar"), frame(61, "", column=3), typed="x") == []
    away = (frame(10, "obar"), frame(61, "yz", column=3), frame(99, "", column=3))
    assert flickers(*away, typed="x") == [99], "but not what came with it"


def test_ghost_text_that_is_used_up_may_go() -> None:
    assert flickers(frame(10, "o"), frame(61, "", column=3), typed="o") == []


def test_keys_that_are_drawn_together() -> None:
    assert flickers(frame(10, "obar"), frame(125, "ar", column=4), typed="ob") == []
    assert flickers(frame(70, "obar"), frame(125, "", column=4), typed="ob") == [125]


def test_a_line_break_comes_in_parts() -> None:
    rows = (frame(10, ":\n  pass"), frame(61, "\n  pass", column=3))
    broken = (frame(121, "  pass", column=0, row=1), frame(125, "pass", column=2, row=1))
    keys = [(0.06, ":"), (0.12, "\n"), (0.12, " "), (0.12, " ")]
    assert flicker_times([FO, *rows, *broken], keys) == []
    gone = frame(125, "", column=2, row=1)
    assert flicker_times([FO, rows[0], frame(70, "\n  pass", column=3), gone], keys) == []
    late = frame(60.5, "\n  pass", column=3)
    assert flicker_times([FO, frame(50, ":\n  pass"), late, gone], keys) == [0.125]


def test_a_window_that_scrolls_is_no_key() -> None:
    assert flickers(frame(10, "obar"), frame(40, "", row=-1)) == [40]


def test_a_cursor_that_is_elsewhere_tells_nothing() -> None:
    frames = (frame(10, "obar"), frame(40, "", column=30), frame(61, "bar", column=3))
    assert flickers(*frames, typed="o") == []
