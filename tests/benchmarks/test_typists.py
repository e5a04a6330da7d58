"""People who type at the same time, on engines that answer at once or never."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from benchmarks.traces import Patch, Step, Trace, replay
from benchmarks.typists import Answer, Pace, parts, type_together

AT_ONCE = Pace(duration_s=60, speed=1e9)
ANSWER = Answer(1.0, 2.0, 10, 9, 3)


def typing() -> tuple[Step, ...]:
    """Types `abcd`, and deletes the `b` before the `c`."""
    patches = [(0, 0, "a"), (1, 0, "b"), (1, 1, ""), (1, 0, "c"), (2, 0, "d")]
    return tuple(replay(Trace("test", "", "acd", tuple((Patch(*p),) for p in patches))))


@dataclass
class FakeServer:
    """Answers each typist's question at once, or, from `stuck_from` on, not at all."""

    stuck_from: int = 1000
    asked: list[tuple[int, str]] = field(default_factory=list)
    prepared: list[tuple[int, str]] = field(default_factory=list)
    num_cancelled: int = 0

    async def answer(self, typist: int, step: Step) -> Answer:
        self.asked.append((typist, str(step.after)))
        if len(self.asked) > self.stuck_from:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.num_cancelled += 1
                raise
        return ANSWER

    async def prepare(self, typist: int, step: Step) -> None:
        self.prepared.append((typist, str(step.after)))


def test_every_typed_character_is_answered() -> None:
    server = FakeServer()
    outcomes = asyncio.run(type_together(server, typing(), 1, AT_ONCE))
    assert outcomes.answers == [ANSWER] * 4
    assert (outcomes.num_aborted, outcomes.num_unfinished) == (0, 0)
    assert server.asked == [(0, text) for text in ("a", "a", "ab", "ac", "acd")]
    assert server.prepared == [(0, "a")]


def test_a_key_aborts_what_was_asked_at_the_one_before() -> None:
    server = FakeServer(stuck_from=2)
    outcomes = asyncio.run(type_together(server, typing(), 1, AT_ONCE))
    assert (len(outcomes.answers), outcomes.num_aborted, outcomes.num_unfinished) == (1, 2, 1)
    assert outcomes.num_keys == 4
    assert server.num_cancelled == 3


def test_typists_begin_at_different_places() -> None:
    server = FakeServer()
    outcomes = asyncio.run(type_together(server, typing(), 2, AT_ONCE))
    assert outcomes.num_keys == 4 + 2
    assert server.asked[:2] == [(0, "a"), (1, "a")]
    assert [str(step.after) for step in parts(typing(), 5, 3)] == ["ac", "acd"]


def test_nobody_types_longer_than_agreed() -> None:
    outcomes = asyncio.run(type_together(FakeServer(), typing(), 1, Pace(duration_s=0)))
    assert outcomes.num_keys == 0


def test_the_patient_wait_for_their_answer() -> None:
    class SlowServer(FakeServer):
        async def answer(self, typist: int, step: Step) -> Answer:
            for _ in range(20):
                await asyncio.sleep(0)
            return await super().answer(typist, step)

    impatient = asyncio.run(type_together(SlowServer(), typing(), 1, AT_ONCE))
    assert impatient.answers == []
    patient = asyncio.run(type_together(SlowServer(), typing(), 1, Pace(60, patient=True)))
    assert len(patient.answers) == 4


def test_a_failing_engine_is_no_aborted_request() -> None:
    class BrokenServer(FakeServer):
        async def answer(self, typist: int, step: Step) -> Answer:
            if self.asked:
                raise OSError("out of paper")
            return await super().answer(typist, step)

    with pytest.raises(OSError, match="out of paper"):
        asyncio.run(type_together(BrokenServer(), typing(), 1, AT_ONCE))


def test_pauses_are_cut_and_sped_up() -> None:
    short, long = (
        Step((), step.before, step.after, pause)
        for step, pause in zip(typing(), (0.5, 9.0), strict=False)
    )
    assert [Pace(1, speed=2).pause_s(step) for step in (short, long)] == [0.25, 1.0]
    assert Pace(1, patient=True).pause_s(long) == 0
