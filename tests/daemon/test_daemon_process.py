"""The daemon as a process of its own, with the starter model."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from model_runtime.api import (
    Chunk,
    CompletionRequest,
    Event,
    Finished,
    FinishReason,
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
from model_runtime.daemon import serve
from model_runtime.places import daemon_files
from tests.daemon.waiting import eventually, wait_until_gone

SPEC = DaemonSpec(device="cpu")
PROMPT = "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n    return "
REQUEST = CompletionRequest(prompt=PROMPT, suffix="\n", max_tokens=8)
LONG_REQUEST = CompletionRequest(prompt=PROMPT, max_tokens=900)


@contextlib.asynccontextmanager
async def connected(spec: DaemonSpec = SPEC) -> AsyncIterator[DaemonRuntime]:
    runtime = DaemonRuntime(spec)
    try:
        yield runtime
    finally:
        await runtime.close()


async def exhaust(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        continue


def pid_of(spec: DaemonSpec = SPEC) -> int:
    status = asyncio.run(daemon_status(spec))
    assert status is not None
    return int(status["pid"])


@pytest.fixture(scope="module")
def daemon(shared_runtime_dir: Path) -> Iterator[Path]:
    """The runtime folder of a daemon that two clients have started at the same moment."""

    async def start() -> None:
        async with connected() as first, connected() as second:
            await asyncio.gather(first.info(), second.info())

    asyncio.run(start())
    yield shared_runtime_dir
    asyncio.run(stop_daemon(SPEC))


def test_two_clients_at_once_have_one_daemon(daemon: Path) -> None:
    assert [endpoint.pid for endpoint in running_daemons()] == [pid_of()]


def test_files_are_for_this_user_only(daemon: Path) -> None:
    assert stat.S_IMODE(daemon.stat().st_mode) == 0o700
    modes = {file.suffix: stat.S_IMODE(file.stat().st_mode) for file in daemon.iterdir()}
    assert modes == {".sock": 0o600, ".json": 0o600, ".lock": 0o600, ".log": 0o600}


def test_the_second_request_reuses_the_first_ones_prompt(daemon: Path) -> None:
    async def run() -> None:
        async with connected() as runtime:
            first = await runtime.complete(REQUEST)
            second = await runtime.complete(REQUEST)
            assert second.text == first.text
            assert second.usage.prompt_tokens == first.usage.prompt_tokens
            assert second.usage.computed_tokens == 1
            assert second.model == "starter"

    asyncio.run(run())


def test_a_stream_adds_up_to_the_whole_answer(daemon: Path) -> None:
    async def run() -> None:
        async with connected() as runtime:
            whole = await runtime.complete(REQUEST)
            events = [event async for event in runtime.stream(REQUEST)]
            text = "".join(event.text for event in events if isinstance(event, Chunk))
            assert text == whole.text
            assert isinstance(events[-1], Finished)
            assert events[-1].reason == whole.finish_reason

    asyncio.run(run())


def test_a_stop_string_ends_the_answer_and_is_not_in_it(daemon: Path) -> None:
    async def run() -> None:
        async with connected() as runtime:
            whole = await runtime.complete(CompletionRequest(prompt=PROMPT, max_tokens=24))
            stop = whole.text[3:5]
            short = await runtime.complete(
                CompletionRequest(prompt=PROMPT, max_tokens=24, stop=(stop,))
            )
            assert short.finish_reason is FinishReason.STOP
            assert short.text == whole.text[: whole.text.index(stop)]

    asyncio.run(run())


def test_a_dropped_connection_stops_the_engine_and_keeps_what_was_computed(daemon: Path) -> None:
    async def idle() -> bool:
        status = await daemon_status(SPEC)
        assert status is not None
        return not status["engine"]["running"]

    async def run() -> None:
        async with connected() as runtime:
            async with aclosing(runtime.stream(LONG_REQUEST)) as events:
                await anext(events)
            await eventually(idle)
            status = await daemon_status(SPEC)
            assert status is not None
            last = status["engine"]["recent"][-1]
            assert last["reason"] == "aborted"
            assert last["usage"]["completion_tokens"] < LONG_REQUEST.max_tokens
            again = await runtime.complete(CompletionRequest(prompt=PROMPT, max_tokens=1))
            assert again.usage.computed_tokens == 1

    asyncio.run(run())


def test_a_second_daemon_for_the_model_ends(daemon: Path) -> None:
    assert serve(SPEC, foreground=False) == 0
    with pytest.raises(RuntimeUnavailable, match=f"process {pid_of()}"):
        serve(SPEC, foreground=True)


def test_the_log_has_no_text_of_the_user(daemon: Path) -> None:
    log = daemon_files(SPEC).log.read_text()
    assert "ready after" in log
    assert "subtract" not in log


def test_a_daemon_killed_in_mid_stream_is_reported_and_replaced(daemon: Path) -> None:
    killed = pid_of()

    async def run() -> None:
        async with connected() as runtime:
            events = runtime.stream(LONG_REQUEST)
            await anext(events)
            os.kill(killed, signal.SIGKILL)
            with pytest.raises(RuntimeUnavailable, match="ended while") as caught:
                await exhaust(events)
            files = daemon_files(SPEC)
            assert str(files.log) in caught.value.hint
            assert files.previous_log.name in caught.value.hint
            assert (await runtime.complete(REQUEST)).usage.cached_tokens == 0

    asyncio.run(run())
    assert "ready after" in daemon_files(SPEC).previous_log.read_text()
    assert pid_of() != killed
    assert len(running_daemons()) == 1


def test_sigterm_leaves_nothing_to_connect_to(daemon: Path) -> None:
    pid = pid_of()
    os.kill(pid, signal.SIGTERM)
    wait_until_gone(pid)
    files = daemon_files(SPEC)
    assert not files.endpoint.exists()
    assert not files.socket.exists()
    assert "SIGTERM" in files.log.read_text()
    assert "ready after" in files.previous_log.read_text()


def test_a_relative_runtime_folder(runtime_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon works inside of it, and once looked for it there a second time."""
    monkeypatch.chdir(runtime_dir.parent)
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", runtime_dir.name)

    async def scenario() -> None:
        async with connected() as runtime:
            completion = await runtime.complete(REQUEST)
            assert completion.usage.completion_tokens > 0
        await stop_daemon(SPEC)

    asyncio.run(scenario())
    assert not (runtime_dir / runtime_dir.name).exists()


def test_tcp_and_idle_timeout(runtime_dir: Path) -> None:
    spec = DaemonSpec(device="cpu", transport="tcp", idle_timeout_s=2)

    async def run() -> int:
        async with connected(spec) as runtime:
            assert (await runtime.complete(REQUEST)).text
            [endpoint] = running_daemons()
            assert endpoint.token
            return endpoint.pid

    wait_until_gone(asyncio.run(run()))
    assert running_daemons() == []
    assert not daemon_files(spec).endpoint.exists()
    assert not daemon_files(spec).previous_log.exists()


def test_damaged_weights_are_reported(
    runtime_dir: Path, tmp_path: Path, starter_folder: Path
) -> None:
    model = tmp_path / "damaged"
    shutil.copytree(starter_folder, model)
    (model / "model.safetensors").write_bytes(b"\x00" * 100)

    async def run() -> None:
        async with connected(DaemonSpec(model=str(model))) as runtime:
            with pytest.raises(UnsupportedModel, match="damaged"):
                await runtime.info()

    asyncio.run(run())
