"""Ghost text that goes when it should have stayed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

FLICKER_MS = 100.0


@dataclass(frozen=True, slots=True)
class Frame:
    """What was drawn, and when, in seconds of one clock. ghost: the rows of ghost text.

    cursor: its row in any units, and the column that it stands in.
    """

    at: float
    cursor: tuple[int, int]
    ghost: str


@dataclass(frozen=True, slots=True)
class _Ghost:
    """Ghost text that is drawn since `since`; or was taken away then, and no key contradicts it."""

    text: str
    since: float
    is_drawn: bool = True

    def is_young(self, at: float) -> bool:
        """Whether it is there, or away, for less than `FLICKER_MS`."""
        return 1000 * (at - self.since) < FLICKER_MS


def flicker_times(frames: Sequence[Frame], typed: Sequence[tuple[float, str]]) -> list[float]:
    """When ghost text went, or became another one, less than `FLICKER_MS` after it came although no
    key has contradicted it; and when ghost text came back that had been away for so short a time.

    frames: all, in order; the first is from before the typing. typed: each character and when its
    key came. Ghost text that keys go along with stays the same, and so does one that grows.
    """
    found = []
    ghost = _Ghost(frames[0].ghost, frames[0].at)
    for frame, text in _steps(frames, typed):
        left = ghost.text.removeprefix(text) if ghost.text.startswith(text) else ""
        ghost, is_flicker = _next(ghost, left, frame)
        if is_flicker:
            found.append(frame.at)
    return found


def _next(ghost: _Ghost, left: str, frame: Frame) -> tuple[_Ghost, bool]:
    """left: what the keys since the frame before have left of the ghost text."""
    if not left:
        return _Ghost(frame.ghost, frame.at), False
    is_young = ghost.is_young(frame.at)
    if frame.ghost.startswith(left):
        is_back = not ghost.is_drawn
        return _Ghost(frame.ghost, frame.at if is_back else ghost.since), is_back and is_young
    if frame.ghost:
        return _Ghost(frame.ghost, frame.at), ghost.is_drawn and is_young
    if not ghost.is_drawn:
        return replace(ghost, text=left), False
    # What was young is counted now, and not once more when it comes back.
    return _Ghost("" if is_young else left, frame.at, is_drawn=False), is_young


def _steps(
    frames: Sequence[Frame], typed: Sequence[tuple[float, str]]
) -> Iterator[tuple[Frame, str]]:
    """Each frame and what was typed between it and the one before; frames in which the cursor is
    nowhere where typing takes it are left out.
    """
    times = [at for at, _ in typed]
    text = "".join(char for _, char in typed)
    columns = list(accumulate(text, _column, initial=frames[0].cursor[1]))
    num_drawn, cursor = 0, frames[0].cursor
    for frame in frames[1:]:
        ways = range(num_drawn + 1, bisect_right(times, frame.at) + 1)
        is_moved = frame.cursor != cursor
        if is_moved and (way := next((n for n in ways if columns[n] == frame.cursor[1]), None)):
            yield frame, text[num_drawn:way]
            num_drawn = way
        elif frame.cursor[1] == columns[num_drawn]:  # or the window was scrolled
            yield frame, ""
        else:
            continue
        cursor = frame.cursor


def _column(column: int, char: str) -> int:
    return 0 if char == "\n" else column + 1
