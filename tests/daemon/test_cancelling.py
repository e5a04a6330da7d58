"""Whatever clients do, and whenever they do it, no request of theirs goes on without them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from model_runtime.api import (
    Chunk,
    CompletionRequest,
    Finished,
    FinishReason,
    Priority,
    Request,
    RuntimeUnavailable,
)
from model_runtime.client import DaemonRuntime
from tests.daemon.fakes import INFO, TIMINGS, USAGE, Emit, FakeEngine, FakeStats
from tests.daemon.serving import REQUEST, Serving, with_daemon
from tests.daemon.waiting import eventually, happens

NUM_REQUESTS = 1000
NUM_AT_ONCE = 25


class PatientEngine:
    """Answers every request with one piece of text, and goes on until it is aborted, except for
    every fifth.
    """

    info = INFO

    def __init__(self) -> None:
        self.num_requests = 0
        self.running: set[int] = set()

    def submit(self, request: Request, emit: Emit) -> Callable[[], None]:
        number = self.num_requests
        self.num_requests += 1
        self.running.add(number)

        def end(reason: FinishReason) -> None:
            if number in self.running:
                self.running.remove(number)
                emit(Finished(reason, USAGE, TIMINGS))

        emit(Chunk("x"))
        if number % 5 == 0:
            end(FinishReason.STOP)
        return lambda: end(FinishReason.ABORTED)

    def stats(self) -> FakeStats:
        return FakeStats(self.num_requests)

    def close(self) -> None:
        assert not self.running


async def ask_and_leave(runtime: DaemonRuntime, chance: random.Random) -> None:
    """One request, given up at a random moment: before it is sent, while it is sent, while it is
    answered, or never.
    """
    request = CompletionRequest(prompt="x" * chance.choice([1, 20_000]), priority=Priority.IDLE)
    if chance.random() < 0.3:
        async with aclosing(runtime.stream(request)) as events:
            await anext(events)
        return
    asking = asyncio.ensure_future(runtime.complete(request))
    for _ in range(chance.randrange(40)):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    if not asking.cancelled():
        asking.result()


def test_a_thousand_requests_given_up_at_random_leave_nothing_behind(runtime_dir: Path) -> None:
    engine = PatientEngine()
    process = psutil.Process()

    async def use(daemon: Serving) -> None:
        await daemon.runtime.info()
        await daemon.runtime.close()
        tasks, files = len(asyncio.all_tasks()), process.num_fds()
        chance = random.Random(0)

        async def person(runtime: DaemonRuntime) -> None:
            for _ in range(NUM_REQUESTS // NUM_AT_ONCE):
                await ask_and_leave(runtime, chance)

        runtime = DaemonRuntime(daemon.runtime._spec, autostart=False)
        await runtime.info()  # idle requests go nowhere before that
        await asyncio.gather(*(person(runtime) for _ in range(NUM_AT_ONCE)))

        async def nothing_runs() -> bool:
            return not engine.running

        async def nobody_waits() -> bool:
            return bool((await daemon.get("/v1/status"))[1]["idle_s"])

        async def nothing_is_left() -> bool:
            return len(asyncio.all_tasks()) <= tasks and process.num_fds() <= files

        await eventually(nothing_runs)
        async with aclosing(runtime.stream(CompletionRequest(prompt=""))) as events:
            assert await anext(events) == Chunk("x")
        await runtime.close()
        await eventually(nobody_waits)
        await eventually(nothing_is_left)

    with_daemon(engine, use)
    assert engine.num_requests > NUM_REQUESTS / 3  # many were given up before they arrived


def test_a_client_that_closes_in_mid_answer_does_not_blame_the_daemon(runtime_dir: Path) -> None:
    engine = FakeEngine("x", endless=True)

    async def use(daemon: Serving) -> None:
        async with aclosing(daemon.runtime.stream(REQUEST)) as events:
            assert isinstance(await anext(events), Chunk)
            await daemon.runtime.close()
            with pytest.raises(RuntimeUnavailable, match="other settings were made"):
                await anext(events)
        await happens(engine.aborted)

    with_daemon(engine, use)
