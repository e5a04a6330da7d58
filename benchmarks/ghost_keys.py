"""Typing into a real Neovim at a steady pace, and what its screen shows after each key."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.editors.neovim_driver import GHOST_COLOR, Editor
from tests.editors.neovim_screen import Screen

LOOK_S = 0.003
"""How long before the next key Neovim is asked whether it still waits for an answer."""
FLICKER_MS = 100.0


@dataclass(frozen=True, slots=True)
class Frame:
    """What was drawn, and when, by `time.monotonic`. ghost: the rows of ghost text."""

    at: float
    cursor: tuple[int, int]
    ghost: str


class Frames(Screen):
    """A screen that remembers what it showed each time that Neovim had drawn all of a change."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self.frames: list[Frame] = []

    def go_on_from(self, screen: Screen) -> None:
        """Know the colours that Neovim has told another screen, and will not tell again."""
        self._attributes = screen._attributes

    def _on_flush(self) -> None:
        at = time.monotonic()
        self.frames.append(Frame(at, self.cursor, self._ghost()))

    def _ghost(self) -> str:
        colours = {
            number
            for number, attributes in self._attributes.items()
            if attributes.get("foreground") == GHOST_COLOR
        }
        rows = ("".join(text for text, number in row if number in colours) for row in self._drawn)
        return "\n".join(row.rstrip() for row in rows if row)


@dataclass(frozen=True, slots=True)
class Key:
    """What one key led to; milliseconds from the key. None: it did not happen before the next key.

    is_along: the ghost text before began with the key, and the rest of it was drawn.
    is_answered: nothing was waited for any more when the next key came.
    is_flicker: ghost text that stood for less than `FLICKER_MS` went without a key.
    """

    text: str
    echo_ms: float | None
    ghost_ms: float | None
    is_along: bool
    is_answered: bool
    is_flicker: bool


def keys_of(lines: Sequence[str]) -> Iterator[str]:
    """Keys in Neovim's notation; a line's indentation comes with the Enter before it."""
    for line in lines:
        code = line.lstrip()
        yield "<CR>" + " " * (len(line) - len(code))
        yield from ({"<": "<lt>", " ": "<Space>"}.get(key, key) for key in code)


def type_keys(
    editor: Editor, frames: Frames, keys: Sequence[str], delay_ms: float, *, with_plugin: bool
) -> list[Key]:
    """Press keys, one each `delay_ms`, in insert mode."""
    found = []
    due = time.monotonic()
    before = Frame(due, frames.cursor, "")
    for key in keys:
        frames.frames = []
        began = time.monotonic()
        editor.keys(key)
        due += delay_ms / 1000
        editor.rpc.watch(due - LOOK_S)
        is_thinking = with_plugin and editor.lua("return require('fimbria.ghost').is_thinking(0)")
        editor.rpc.watch(due)
        found.append(outcome(key, began, before, frames.frames, is_answered=not is_thinking))
        before = frames.frames[-1] if frames.frames else before
    return found


def outcome(
    key: str, began: float, before: Frame, frames: Sequence[Frame], *, is_answered: bool
) -> Key:
    """Read a key's outcome from what was drawn between it and the next one."""
    echoed = next((at for at, one in enumerate(frames) if one.cursor != before.cursor), None)
    after = [] if echoed is None else frames[echoed:]
    drawn = next((frame for frame in after if frame.ghost), None)
    typed = {"<lt>": "<", "<Space>": " "}.get(key, key)
    is_along = bool(
        drawn and before.ghost.startswith(typed) and drawn.ghost == before.ghost.removeprefix(typed)
    )

    def since(frame: Frame | None) -> float | None:
        return 1000 * (frame.at - began) if frame else None

    return Key(
        key,
        since(after[0] if after else None),
        since(drawn),
        is_along,
        is_answered,
        any(
            one.ghost and other.ghost != one.ghost and 1000 * (other.at - one.at) < FLICKER_MS
            for one, other in pairwise(_changes(after))
        ),
    )


def _changes(frames: Sequence[Frame]) -> list[Frame]:
    """The frames in which the ghost text is another one than in the frame before."""
    return [
        frame for at, frame in enumerate(frames) if at == 0 or frame.ghost != frames[at - 1].ghost
    ]
