"""What an editor draws while somebody types, and what each key led to, for any editor."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from benchmarks.ghost_flickers import Frame, flicker_times

LOOK_MS = 3.0
"""How long before the next key it is looked at whether a key is answered."""


class Kind(StrEnum):
    """What there was of an answer to a key, shortly before the next key.

    NOTHING: the server has said that there is nothing to say. UNDRAWN: it has sent texts, and none
    is drawn. WAITING: the editor waits for the answer. NULL: the question was out of date. ERROR:
    the server, or its model, could not answer. UNASKED: nobody has asked.
    """

    GHOST = "ghost"
    NOTHING = "nothing"
    UNDRAWN = "undrawn"
    WAITING = "waiting"
    NULL = "null"
    ERROR = "error"
    UNASKED = "unasked"


@dataclass(frozen=True, slots=True)
class Press:
    """A key, and what was seen until the next one. Times in seconds of the frames' clock.

    look: when it was looked whether the key is answered. is_waiting: whether the editor waited for
    an answer then. said: what the server has said where the cursor was; UNASKED: nothing.
    """

    text: str
    began: float
    look: float
    frames: Sequence[Frame]
    is_waiting: bool
    said: Kind


@dataclass(frozen=True, slots=True)
class Key:
    """What one key led to; milliseconds from the key. None: it did not happen before the next key.

    late_ms: new ghost text came, but only when the next key was there.
    is_along: the ghost text before began with the key, and the rest of it was drawn.
    is_earlier: what was drawn is new and came with the key's own echo: an answer to a key before.
    is_flicker: ghost text went that should have stayed (see `flicker_times`).
    """

    text: str
    echo_ms: float | None
    ghost_ms: float | None
    late_ms: float | None
    is_along: bool
    is_earlier: bool
    kind: Kind
    is_flicker: bool

    @property
    def is_fresh(self) -> bool:
        """Whether the key brought ghost text before the next one."""
        return self.ghost_ms is not None and not self.is_along and not self.is_earlier

    @property
    def is_answered(self) -> bool:
        """Whether there is ghost text, or nothing to say."""
        return self.kind in (Kind.GHOST, Kind.NOTHING)


Typist = Callable[[Sequence[str], float], list[Key]]
"""Types keys, one each so many milliseconds, and tells what each led to."""


def keys_of(lines: Sequence[str]) -> Iterator[str]:
    """The keys for some lines; a line's indentation comes with the line break before it."""
    for line in lines:
        code = line.lstrip()
        yield "\n" + " " * (len(line) - len(code))
        yield from code


def places(keys: Sequence[str], line: int) -> Iterator[tuple[int, int]]:
    """The cursor's line and column after each key. line: where it is before; the first key is a
    line break.
    """
    column = 0
    for key in keys:
        is_break = key[0] == "\n"
        line, column = (line + 1, len(key) - 1) if is_break else (line, column + len(key))
        yield line, column


def outcomes(before: Frame, presses: Sequence[Press]) -> list[Key]:
    """Tell what the keys led to. before: what was drawn when the first one came."""
    seen = list(_seen(before, presses))
    frames = [before, *(frame for press in presses for frame in press.frames)]
    typed = [(press.began, char) for press in presses for char in press.text]
    flickers = flicker_times(frames, typed)
    return [
        _key(one, following, flickers)
        for one, following in zip(seen, [*seen[1:], None], strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A key's frames, apart by whether the key is in them.

    before: what was drawn when the key came, and then what was drawn without it.
    after: the frames from the one with the key on.
    """

    press: Press
    before: Sequence[Frame]
    after: Sequence[Frame]

    @property
    def left(self) -> str:
        """What the key leaves of the ghost text before it."""
        ghost = self.before[-1].ghost
        return ghost.removeprefix(self.press.text) if ghost.startswith(self.press.text) else ""

    @property
    def drawn(self) -> Frame | None:
        return next((frame for frame in self.after if frame.ghost), None)

    @property
    def is_along(self) -> bool:
        return bool(self.left and self.drawn and self.drawn.ghost.startswith(self.left))

    @property
    def earlier(self) -> Frame | None:
        """The first frame with new ghost text, which is too early for an answer to this key."""
        for one, other in pairwise(self.before):
            if other.ghost and not one.ghost.endswith(other.ghost):
                return other
        is_with_echo = self.drawn is not None and self.drawn is self.after[0]
        return self.drawn if is_with_echo and not self.is_along else None

    def since(self, frame: Frame | None) -> float | None:
        return round(1000 * (frame.at - self.press.began), 3) if frame else None


def _seen(before: Frame, presses: Sequence[Press]) -> Iterator[_Seen]:
    columns = (column for _, column in places([press.text for press in presses], 0))
    for press, column in zip(presses, columns, strict=True):
        echoes = (
            number
            for number, frame in enumerate(press.frames)
            if frame.cursor[1] == column and frame.cursor != before.cursor
        )
        echo = next(echoes, len(press.frames))
        yield _Seen(press, [before, *press.frames[:echo]], press.frames[echo:])
        before = press.frames[-1] if press.frames else before


def _key(one: _Seen, following: _Seen | None, flickers: Sequence[float]) -> Key:
    press, drawn = one.press, one.drawn
    ends = following.press.began if following else math.inf
    return Key(
        text=press.text,
        echo_ms=one.since(one.after[0] if one.after else None),
        ghost_ms=one.since(drawn),
        late_ms=one.since(following.earlier) if following and drawn is None else None,
        is_along=one.is_along,
        is_earlier=drawn is not None and drawn is one.earlier,
        kind=_kind(press, one.after),
        is_flicker=any(press.began <= at < ends for at in flickers),
    )


def _kind(press: Press, after: Sequence[Frame]) -> Kind:
    drawn = [frame for frame in after if frame.at <= press.look]
    if drawn and drawn[-1].ghost:
        return Kind.GHOST
    return Kind.WAITING if press.is_waiting else press.said
