"""People who type at the same time: when they press a key, what is asked, and what becomes of it.

Each presses keys when the trace says so, whether the engine keeps up or not. A key makes what was
asked at the one before worthless: an answer that has not come by then is aborted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from benchmarks.traces import Step


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as its client has seen it; times in milliseconds from asking. cached_tokens: None
    where the engine does not tell.
    """

    ttft_ms: float
    answer_ms: float
    prompt_tokens: int
    cached_tokens: int | None
    completion_tokens: int


class Server(Protocol):
    """Answers several typists. Cancelling a call aborts it, as far as the engine can."""

    async def answer(self, typist: int, step: Step) -> Answer:
        """Complete behind a typed character."""

    async def prepare(self, typist: int, step: Step) -> None:
        """Compute ahead after another change, where the engine does such a thing."""


@dataclass(slots=True)
class Outcomes:
    """What became of one or all typists' keys. unfinished: still being answered at the end."""

    answers: list[Answer] = field(default_factory=list)
    num_aborted: int = 0
    num_unfinished: int = 0

    @property
    def num_keys(self) -> int:
        return len(self.answers) + self.num_aborted + self.num_unfinished

    def add(self, other: Outcomes) -> None:
        """Take over what became of somebody else's keys."""
        self.answers += other.answers
        self.num_aborted += other.num_aborted
        self.num_unfinished += other.num_unfinished


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast people type: the trace's pauses, none longer than `longest_pause_s`, divided by
    `speed`; for `duration_s` in all. patient: without pauses, but nobody types on before the answer
    is there.
    """

    duration_s: float
    speed: float = 1.0
    longest_pause_s: float = 2.0
    patient: bool = False

    def pause_s(self, step: Step) -> float:
        return 0.0 if self.patient else min(step.pause_s, self.longest_pause_s) / self.speed


def parts(steps: Sequence[Step], num_typists: int, typist: int) -> Iterator[Step]:
    """What a typist types: from an own place in the trace on, to its end."""
    return islice(steps, typist * len(steps) // num_typists, None)


async def type_together(
    server: Server, steps: Sequence[Step], num_typists: int, pace: Pace
) -> Outcomes:
    """Have typists type at once, each with an answer first that is not counted. Raises what the
    server raises.
    """
    for typist in range(num_typists):
        await _warm_up(server, typist, parts(steps, num_typists, typist))
    everyone = Outcomes()
    typing = [
        _type(server, typist, parts(steps, num_typists, typist), pace)
        for typist in range(num_typists)
    ]
    for outcomes in await asyncio.gather(*typing):
        everyone.add(outcomes)
    return everyone


async def _warm_up(server: Server, typist: int, steps: Iterator[Step]) -> None:
    step = next(steps, None)
    if step is not None:
        await server.answer(typist, step)


async def _type(server: Server, typist: int, steps: Iterator[Step], pace: Pace) -> Outcomes:
    asked = _Asked()
    due = time.monotonic()
    end = due + pace.duration_s
    for step in steps:
        if max(due, time.monotonic()) >= end:
            break
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        asked.outcomes.num_aborted += await asked.end()
        if step.cursor is None:
            asked.begin(server.prepare(typist, step))
        else:
            asked.begin(server.answer(typist, step), is_key=True)
        if pace.patient:
            await asked.wait(end)
        due += pace.pause_s(step)
    await asyncio.sleep(max(0.0, min(due, end) - time.monotonic()))
    asked.outcomes.num_unfinished += await asked.end()
    return asked.outcomes


@dataclass(slots=True)
class _Asked:
    """The last thing that a typist's editor has asked for, and what became of those before."""

    outcomes: Outcomes = field(default_factory=Outcomes)
    _task: asyncio.Task[Answer | None] | None = None
    _is_key: bool = False

    def begin(self, asking: Coroutine[Any, Any, Answer | None], *, is_key: bool = False) -> None:
        self._task = asyncio.create_task(asking)
        self._is_key = is_key

    async def wait(self, deadline: float) -> None:
        """Wait for it until `deadline` (`time.monotonic` seconds)."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=max(0.0, deadline - time.monotonic()))

    async def end(self) -> bool:
        """Note the answer, or abort what still runs; whether that was an answer. Raises what the
        server has raised.
        """
        task, self._task = self._task, None
        if task is None:
            return False
        task.cancel()
        try:
            answer = await task
        except asyncio.CancelledError:
            return self._is_key
        if answer is not None:
            self.outcomes.answers.append(answer)
        return False
