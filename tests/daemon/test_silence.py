"""A daemon that hangs: whoever waits for it hears so within seconds, not at the end of the day."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from model_runtime.api import Chunk, CompletionRequest, Event
from model_runtime.client import DaemonRuntime, DaemonSpec, running_daemons
from model_runtime.connection import Connection
from model_runtime.silence import state_of
from model_runtime.transport import Silent
from model_runtime.wire import DaemonState
from tests.daemon.fakes import FakeEngine
from tests.daemon.serving import Serving, collect, with_daemon
from tests.daemon.waiting import happens

SPEC = DaemonSpec(device="cpu")
REQUEST = CompletionRequest(prompt="def f():\n    return ", max_tokens=900)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_runtime.silence.PATIENCE_S", 0.05)
    monkeypatch.setattr("model_runtime.connection.STATUS_TIMEOUT_S", 3600.0)


@contextlib.contextmanager
def suspended(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def _rest_of(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        continue


@pytest.mark.usefixtures("impatient")
def test_a_suspended_daemon_is_told_before_and_during_an_answer(runtime_dir: Path) -> None:
    async def run() -> None:
        runtime = DaemonRuntime(SPEC)
        await runtime.info()
        pid = running_daemons()[0].pid
        async with aclosing(runtime.stream(REQUEST)) as events:
            assert isinstance(await anext(events), Chunk)
            with suspended(pid):
                with pytest.raises(Silent, match=f"process {pid}") as caught:
                    await _rest_of(events)
                assert "fimbria stop" in caught.value.hint
                for waiting in (runtime.info(), runtime.complete(REQUEST)):
                    with pytest.raises(Silent):
                        await waiting
        await runtime.close()

    asyncio.run(run())


@pytest.mark.usefixtures("impatient")
def test_a_daemon_that_is_asked_meanwhile_answers_in_its_own_time(
    runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine("x", endless=True)

    async def use(daemon: Serving) -> None:
        looks: asyncio.Queue[None] = asyncio.Queue()

        async def look(connection: Connection) -> DaemonState:
            state = await state_of(connection)
            looks.put_nowait(None)
            return state

        monkeypatch.setattr("model_runtime.silence.state_of", look)
        reading = asyncio.create_task(collect(daemon.runtime))
        for _ in range(3):
            await looks.get()
        assert not reading.done()
        reading.cancel()
        await happens(engine.aborted)
        with pytest.raises(asyncio.CancelledError):
            await reading

    with_daemon(engine, use)
