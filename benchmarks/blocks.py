"""Which keystrokes are measured: all of a trace, a part of it, or blocks spread over it.

What an engine has in its cache depends on what it was asked before. So a sample is made of whole
blocks of successive keystrokes, the same ones for every engine, and before a block each engine is
asked, unmeasured, at the key before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.traces import Step, Trace, replay

TURN = 200
"""Keystrokes of a whole trace after which it is the next engine's turn."""


@dataclass(frozen=True, slots=True)
class Block:
    """Successive changes, most of them typed characters.

    skipped: what happens before, unasked. warm_up: the typed character before the block, where it
    was not part of the block before; asked, but not measured. steps: of these, all typed characters
    are measured. first: the number of the first of them in the trace.
    """

    skipped: tuple[Step, ...]
    warm_up: Step | None
    steps: tuple[Step, ...]
    first: int

    @property
    def keys(self) -> dict[int, Step]:
        """The typed characters by their number in the trace."""
        typed = (step for step in self.steps if step.cursor is not None)
        return dict(enumerate(typed, self.first))


def whole(num_typed: int, skip: int, num_keystrokes: int | None) -> list[range]:
    """Cut typed characters from `skip` on into turns. Raises ValueError if none is left."""
    stop = num_typed if num_keystrokes is None else min(num_typed, skip + num_keystrokes)
    if stop <= skip:
        raise ValueError(f"the trace has {num_typed} typed characters; none is left")
    return [range(at, min(at + TURN, stop)) for at in range(skip, stop, TURN)]


def spread(num_typed: int, skip: int, num_blocks: int, block_len: int) -> list[range]:
    """Place blocks at equal distances over the typed characters from `skip` on. Raises ValueError
    if they do not fit.
    """
    room = num_typed - skip
    if num_blocks * block_len > room:
        raise ValueError(f"{num_blocks} blocks of {block_len} do not fit into {room} keystrokes")
    starts = (skip + number * room // num_blocks for number in range(num_blocks))
    return [range(start, start + block_len) for start in starts]


def cut(trace: Trace, spans: Sequence[range]) -> Iterator[Block]:
    """Replay the trace up to the last span; spans are of typed characters, ascending and apart."""
    steps = replay(trace)
    number, previous = 0, 0
    for span in spans:
        skipped: list[Step] = []
        warm_up, measured = None, []
        while number < span.stop:
            step = next(steps)
            is_typed = step.cursor is not None
            if number >= span.start:
                measured.append(step)
            elif is_typed and number == span.start - 1 and number >= previous:
                warm_up = step
            else:
                skipped.append(step)
            number += is_typed
        yield Block(tuple(skipped), warm_up, tuple(measured), span.start)
        previous = span.stop
