"""What an editor draws while somebody types, and what each key led to, for any editor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

LOOK_MS = 3.0
"""How long before the next key it is looked at whether a key is answered."""
FLICKER_MS = 100.0


@dataclass(frozen=True, slots=True)
class Frame:
    """What was drawn, and when, in seconds of one clock. ghost: the rows of ghost text.

    cursor: its row, and how far to the right it stands, in any units.
    """

    at: float
    cursor: tuple[int, int]
    ghost: str


@dataclass(frozen=True, slots=True)
class Key:
    """What one key led to; milliseconds from the key. None: it did not happen before the next key.

    is_along: the ghost text before began with the key, and the rest of it was drawn; or what was
    drawn came with the key's own echo, which is an answer to the key before that fits.
    is_answered: nothing was waited for any more when the next key came.
    is_flicker: ghost text that stood for less than `FLICKER_MS` went without a key.
    """

    text: str
    echo_ms: float | None
    ghost_ms: float | None
    is_along: bool
    is_answered: bool
    is_flicker: bool


Typist = Callable[[Sequence[str], float], list[Key]]
"""Types keys, one each so many milliseconds, and tells what each led to."""


def keys_of(lines: Sequence[str]) -> Iterator[str]:
    """The keys for some lines; a line's indentation comes with the line break before it."""
    for line in lines:
        code = line.lstrip()
        yield "\n" + " " * (len(line) - len(code))
        yield from code


def outcome(
    key: str, began: float, before: Frame, frames: Sequence[Frame], *, is_answered: bool
) -> Key:
    """Read a key's outcome from what was drawn between it and the next one."""
    echoed = next((at for at, one in enumerate(frames) if one.cursor != before.cursor), None)
    after = [] if echoed is None else frames[echoed:]
    drawn = next((frame for frame in after if frame.ghost), None)
    left = before.ghost.removeprefix(key) if before.ghost.startswith(key) else None
    # In the frame of the key itself nothing can be drawn that is an answer to it.
    is_along = drawn is not None and (drawn.ghost == left or drawn is after[0])

    def since(frame: Frame | None) -> float | None:
        return round(1000 * (frame.at - began), 3) if frame else None

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
