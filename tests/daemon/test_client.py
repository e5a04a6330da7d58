"""The client against a daemon with a scripted engine, in one event loop."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from model_runtime.api import (
    Chunk,
    CompletionRequest,
    Finished,
    FinishReason,
    InvalidRequest,
    LoadProgress,
    ModelNotFound,
    OutOfMemory,
    Priority,
    ProgressCallback,
    RuntimeUnavailable,
    UnsupportedModel,
)
from model_runtime.client import (
    DaemonRuntime,
    DaemonSpec,
    daemon_status,
    running_daemons,
    stop_daemon,
)
from model_runtime.connection import Connection
from model_runtime.places import daemon_files
from model_runtime.transport import Endpoint, Silent, Unreachable, write_endpoint
from tests.daemon.fakes import INFO, TIMINGS, USAGE, FakeEngine
from tests.daemon.serving import REQUEST, Serving, collect, serving, with_daemon
from tests.daemon.waiting import happens

FINISHED = Finished(FinishReason.STOP, USAGE, TIMINGS)


def test_importing_the_client_brings_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "aiohttp", "starlette", "uvicorn", "filelock", "numpy"}
    code = f"import sys, model_runtime.client; print({heavy} & set(sys.modules))"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "set()"


def test_info_complete_and_stream(runtime_dir: Path) -> None:
    engine = FakeEngine("return ", "1")

    async def use(daemon: Serving) -> None:
        assert await daemon.runtime.info() == INFO
        completion = await daemon.runtime.complete(REQUEST)
        assert completion.text == "return 1"
        assert completion.model == "scripted"
        assert (completion.usage, completion.timings) == (USAGE, TIMINGS)
        events = [event async for event in daemon.runtime.stream(REQUEST)]
        assert events == [Chunk("return "), Chunk("1"), FINISHED]

    with_daemon(engine, use)
    assert engine.requests == [REQUEST, REQUEST]


def test_closing_the_iterator_aborts(runtime_dir: Path) -> None:
    engine = FakeEngine("x", endless=True)

    async def use(daemon: Serving) -> None:
        async with aclosing(daemon.runtime.stream(REQUEST)) as events:
            assert await anext(events) == Chunk("x")
        await happens(engine.aborted)

    with_daemon(engine, use)


@pytest.mark.parametrize("way", ["complete", "stream"])
def test_cancelling_the_task_aborts(runtime_dir: Path, way: str) -> None:
    engine = FakeEngine("x", endless=True)

    async def use(daemon: Serving) -> None:
        async def read() -> None:
            async for _ in daemon.runtime.stream(REQUEST):
                continue

        work = read() if way == "stream" else daemon.runtime.complete(REQUEST)
        task = asyncio.ensure_future(work)
        await happens(engine.submitted)
        task.cancel()
        await happens(engine.aborted)
        with pytest.raises(asyncio.CancelledError):
            await task

    with_daemon(engine, use)


@pytest.mark.parametrize("script", [[], ["text "]])
def test_a_failure_in_the_engine_keeps_its_class(runtime_dir: Path, script: list[str]) -> None:
    async def use(daemon: Serving) -> None:
        for ask in (daemon.runtime.complete(REQUEST), collect(daemon.runtime)):
            with pytest.raises(OutOfMemory) as caught:
                await ask
            assert caught.value.hint == "Buy more."

    with_daemon(FakeEngine(*script, OutOfMemory("Full.", "Buy more.")), use)


def test_a_refusal_keeps_its_class(runtime_dir: Path) -> None:
    async def use(daemon: Serving) -> None:
        with pytest.raises(InvalidRequest, match="max_tokens"):
            await daemon.runtime.complete(CompletionRequest(prompt="", max_tokens=-1))

    with_daemon(FakeEngine(), use)


def test_progress_is_told_once_per_step_and_loading_survives_a_cancelled_request(
    runtime_dir: Path,
) -> None:
    seen: list[LoadProgress] = []
    may_load = threading.Event()

    def load(progress: ProgressCallback) -> FakeEngine:
        progress(LoadProgress("half", 0.5))
        may_load.wait()
        progress(LoadProgress("whole", 1.0))
        return FakeEngine("x")

    async def use(daemon: Serving) -> None:
        halfway = asyncio.Event()

        def progress(step: LoadProgress) -> None:
            seen.append(step)
            halfway.set()

        runtime = DaemonRuntime(DaemonSpec(), progress=progress, autostart=False)
        first = asyncio.create_task(runtime.complete(REQUEST))
        await halfway.wait()
        first.cancel()
        may_load.set()
        assert (await runtime.complete(REQUEST)).text == "x"
        await runtime.close()

    with_daemon(load, use)
    assert seen[-1] == LoadProgress("whole", 1.0)
    assert len(seen) == len(set(seen))


def test_a_model_that_cannot_be_loaded_is_reported(runtime_dir: Path) -> None:
    def load(_: ProgressCallback) -> FakeEngine:
        raise UnsupportedModel("Not a Llama.", "Use one.")

    async def use(daemon: Serving) -> None:
        for ask in (daemon.runtime.info(), daemon.runtime.complete(REQUEST)):
            with pytest.raises(UnsupportedModel, match="Not a Llama"):
                await ask

    with_daemon(load, use)


def test_a_model_that_cannot_be_loaded_is_not_loaded_again_at_once(
    runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(_: ProgressCallback) -> FakeEngine:
        raise OutOfMemory("Full.", "Buy more.")

    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async def run() -> None:
        runtime = DaemonRuntime(DaemonSpec())
        async with serving(load):
            with pytest.raises(OutOfMemory):
                await runtime.info()
        with pytest.raises(OutOfMemory):
            await runtime.info()
        await runtime.close()

    asyncio.run(run())


def test_the_next_request_finds_the_daemon_that_took_over(runtime_dir: Path) -> None:
    async def run() -> None:
        runtime = DaemonRuntime(DaemonSpec(), autostart=False)
        for text in ("first", "second"):
            async with serving(FakeEngine(text)):
                assert (await runtime.complete(REQUEST)).text == text
                assert (await collect(runtime))[0] == Chunk(text)
        with pytest.raises(RuntimeUnavailable, match="No daemon"):
            await runtime.complete(REQUEST)
        await runtime.close()

    asyncio.run(run())


def test_idle_work_starts_no_daemon(runtime_dir: Path) -> None:
    """An edit once brought a daemon back that had ended for want of use."""
    idle = replace(REQUEST, priority=Priority.IDLE)

    async def run() -> None:
        runtime = DaemonRuntime(DaemonSpec())
        async with serving(FakeEngine("text")):
            await runtime.complete(REQUEST)
            assert (await runtime.complete(idle)).text == "text"
        for _ in range(2):
            with pytest.raises(RuntimeUnavailable):
                await runtime.complete(idle)
        await runtime.close()
        assert running_daemons() == []

    asyncio.run(run())


def test_without_a_daemon(runtime_dir: Path) -> None:
    async def run() -> None:
        assert await daemon_status(DaemonSpec()) is None
        assert not await stop_daemon(DaemonSpec())
        with pytest.raises(RuntimeUnavailable) as caught:
            await DaemonRuntime(DaemonSpec(), autostart=False).info()
        assert "fimbria serve" in caught.value.hint
        with pytest.raises(ModelNotFound):
            await DaemonRuntime(DaemonSpec(model="/nowhere")).info()

    asyncio.run(run())
    assert running_daemons() == []


def test_running_daemons_lead_to_their_status(runtime_dir: Path) -> None:
    async def use(daemon: Serving) -> None:
        assert running_daemons() == [daemon.endpoint]
        status = await daemon_status(daemon.endpoint)
        assert status is not None
        assert status["pid"] == daemon.endpoint.pid

    with_daemon(FakeEngine(), use)


@pytest.mark.parametrize("way", ["complete", "stream"])
def test_a_daemon_that_did_not_get_the_request_has_computed_nothing(
    runtime_dir: Path, way: str
) -> None:
    """Its connection was still in the pool when it ended."""
    path = runtime_dir / "s"
    large = CompletionRequest(prompt="x" * 2**19)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.transport.abort()

    async def run() -> None:
        endpoint = Endpoint(path=str(path), pid=os.getpid(), model="m", device="", dtype="")
        async with await asyncio.start_unix_server(hang_up, path):
            connection = Connection(endpoint)
            ask = (
                connection.complete(large) if way == "complete" else anext(connection.stream(large))
            )
            with pytest.raises(Unreachable):
                await ask
            await connection.close()

    asyncio.run(run())


@pytest.fixture
def silent(runtime_dir: Path) -> Iterator[Endpoint]:
    """What accepts connections at the daemon's place and says nothing."""
    files = daemon_files(DaemonSpec())
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(files.socket))
        listener.listen()
        endpoint = Endpoint(path=str(files.socket), pid=os.getpid(), model="m", device="", dtype="")
        write_endpoint(files.endpoint, endpoint)
        yield endpoint


def test_a_silent_daemon_is_told_with_what_to_do(
    silent: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_runtime.connection.STATUS_TIMEOUT_S", 0.01)
    with pytest.raises(Silent, match=f"process {silent.pid}.* does not answer") as caught:
        asyncio.run(DaemonRuntime(DaemonSpec()).info())
    assert "fimbria stop" in caught.value.hint


def test_a_silent_daemon_that_is_no_daemon_is_not_ended(silent: Endpoint) -> None:
    with pytest.raises(RuntimeUnavailable, match=f"process {silent.pid}") as caught:
        asyncio.run(stop_daemon(silent, timeout_s=0.01))
    assert caught.value.hint == f"Try `kill -9 {silent.pid}`."
