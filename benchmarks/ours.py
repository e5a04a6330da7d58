"""Fimbria under measurement: types a block of a trace, with pauses like the person's.

Where the person paused, the replay goes on as soon as the engine has nothing more to do, at the
latest when the pause is over: what the engine computes meanwhile it would have computed then, too,
and no more than that.
"""

from __future__ import annotations

from typing import Protocol

from benchmarks.blocks import Block
from benchmarks.measurements import EngineRun, Measurement
from benchmarks.traces import Step


class OurEngine(Protocol):
    """One open document and the engine behind it."""

    def skip(self, step: Step) -> None:
        """Make a change that nothing is asked about and nothing is computed for."""

    def change(self, step: Step) -> None:
        """Make a change that is no typed character."""

    def ask(self, step: Step) -> Measurement:
        """Type a character and take the answer."""

    def rest(self, pause_s: float) -> None:
        """Return when the engine has nothing to do, at the latest after `pause_s`."""

    def settle(self) -> int:
        """Wait until the engine has nothing to do; how many tokens it has computed since its start,
        of prompts and of answers.
        """


def type_block(engine: OurEngine, block: Block) -> EngineRun:
    """Type a block with its pauses."""
    for step in block.skipped:
        engine.skip(step)
    if block.warm_up:
        engine.settle()
        engine.ask(block.warm_up)
    before = engine.settle()
    measurements: dict[int, Measurement] = {}
    for step in block.steps:
        if step.cursor is None:
            engine.change(step)
        else:
            measurements[block.first + len(measurements)] = engine.ask(step)
        engine.rest(step.pause_s)
    # What is still running when the block ends counts as well: others must not share the processor.
    all_tokens = engine.settle() - before
    asked = sum(m.new_tokens + m.completion_tokens for m in measurements.values())
    return EngineRun(measurements, max(0, all_tokens - asked))
