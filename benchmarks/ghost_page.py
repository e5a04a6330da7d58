"""What `ghost_recorder.js` wrote down in VS Code's page, and what each key led to by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.ghost_flickers import Frame
from benchmarks.ghost_keys import LOOK_MS, Key, Kind, Press, outcomes, places

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


def read(
    keys: Sequence[str],
    records: Sequence[Record],
    delay_ms: float,
    said: Mapping[tuple[int, int], Kind],
    line: int,
) -> list[Key]:
    """Tell the keys' outcomes. records: in the order in which they were written down. said: what
    the server has said at each place. line: where the cursor was before.

    Raises ValueError if the page did not get the keys that were sent.
    """
    pressed = [record for record in records if record[0] == "key"]
    names = [name if len(name) == 1 else "\n" for _, _, name in pressed]
    if names != [key[0] for key in keys]:
        raise ValueError(f"sent {''.join(keys)!r}, and VS Code got {''.join(names)!r}")
    times = [float(record[1]) for record in pressed]
    frames, asked = list(_frames(records)), questions(records)
    before = next((one for one in reversed(frames) if 1000 * one.at < times[0]), frames[0])
    spans = pairwise([*times, times[-1] + delay_ms])
    presses = []
    for key, place, (began, end) in zip(keys, places(keys, line), spans, strict=True):
        seen = [frame for frame in frames if began <= 1000 * frame.at < end]
        look = end - LOOK_MS
        kind = answer_kind(asked, began, look, said.get(place, Kind.UNASKED))
        is_waiting = kind is Kind.WAITING
        presses.append(Press(key, began / 1000, look / 1000, seen, is_waiting, kind))
    return outcomes(before, presses)


def answer_kind(asked: Sequence[Question], began: float, look: float, said: Kind) -> Kind:
    """What VS Code knows at `look` of an answer to the key that came at `began`.

    said: what the server has said there; VS Code is told the same of all that has no text.
    """
    here = [question for question in asked if began <= question.asked <= look]
    if not here:
        return Kind.UNASKED
    last = here[-1]
    if last.told is None or last.told > look:
        return Kind.WAITING
    if last.num_suggestions < 0:
        return Kind.NULL
    return Kind.UNDRAWN if last.num_suggestions else said


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
