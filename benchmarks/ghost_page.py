"""What `ghost_recorder.js` wrote down in VS Code's page, and what each key led to by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, pairwise
from typing import Any

from benchmarks.ghost_keys import LOOK_MS, Frame, Key, outcome

Record = Sequence[Any]
"""Its kind, when it was in milliseconds, and what else the kind has."""


@dataclass(frozen=True, slots=True)
class Question:
    """VS Code asked for ghost text. Times in milliseconds; told: None if nobody answered.

    num_suggestions: -1 if VS Code did not want the answer any more.
    """

    asked: float
    told: float | None
    num_suggestions: int


def outcomes(keys: Sequence[str], records: Sequence[Record], delay_ms: float) -> list[Key]:
    """Tell the keys' outcomes. records: in the order in which they were written down.

    Raises ValueError if the page did not get the keys that were sent.
    """
    pressed = [record for record in records if record[0] == "key"]
    names = [name if len(name) == 1 else "\n" for _, _, name in pressed]
    if names != [key[0] for key in keys]:
        raise ValueError(f"sent {''.join(keys)!r}, and VS Code got {''.join(names)!r}")
    times = [float(record[1]) for record in pressed]
    frames = list(_frames(records))
    asked = questions(records)
    found = []
    before = next((one for one in reversed(frames) if 1000 * one.at < times[0]), frames[0])
    spans = pairwise([*times, times[-1] + delay_ms])
    for key, column, (began, end) in zip(keys, _columns(keys), spans, strict=True):
        seen = _since_echo(frames, column, began, end)
        answered = is_answered(seen, asked, began, end - LOOK_MS)
        found.append(outcome(key, began / 1000, before, seen, is_answered=answered))
        before = seen[-1] if seen else before
    return found


def _since_echo(frames: Sequence[Frame], column: int, began: float, end: float) -> list[Frame]:
    """What was drawn between two times, from the frame on in which the cursor's line is so long:
    what a slow page draws of the key before is not this key's echo.
    """
    between = (one for one in frames if began <= 1000 * one.at < end)
    return list(dropwhile(lambda one: one.cursor[1] != column, between))


def is_answered(
    frames: Sequence[Frame], asked: Sequence[Question], began: float, look: float
) -> bool:
    """Whether at `look` ghost text is drawn, or VS Code was told that there is none.

    frames: what was drawn from the key's echo on. began: when the key came.
    """
    drawn = [frame for frame in frames if 1000 * frame.at <= look]
    if drawn and drawn[-1].ghost:
        return True
    here = [question for question in asked if began <= question.asked <= look]
    if not here or not drawn:
        return False
    last = here[-1]
    return last.told is not None and last.told <= look and last.num_suggestions == 0


def questions(records: Sequence[Record]) -> list[Question]:
    """What VS Code asked, in the order in which it did."""
    told = {record[2]: record for record in records if record[0] == "told"}
    return [
        Question(at, told[number][1], told[number][3]) if number in told else Question(at, None, -1)
        for at, number in (record[1:3] for record in records if record[0] == "asked")
    ]


def _frames(records: Sequence[Record]) -> Iterator[Frame]:
    for _, at, top, text, ghost in (record for record in records if record[0] == "frame"):
        yield Frame(at / 1000, (int(top), len(text)), str(ghost))


def _columns(keys: Sequence[str]) -> Iterator[int]:
    """How long the cursor's line is after each key; the first one is a line break."""
    column = 0
    for key in keys:
        column = len(key) - 1 if key[0] == "\n" else column + len(key)
        yield column
