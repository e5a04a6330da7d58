"""The life of a second model in the daemon, with scripted engines."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

import pytest

from model_runtime.api import LoadProgress, OutOfMemory, ProgressCallback, RuntimeUnavailable
from model_runtime.client import DaemonRuntime, DaemonSpec
from model_runtime.failures import DeviceLost
from model_runtime.resident import LoadEngine
from tests.daemon.chatting import CHAT
from tests.daemon.fakes import FakeEngine
from tests.daemon.serving import Serving, with_daemon
from tests.daemon.two_models import CODE, chat_status
from tests.daemon.waiting import WAIT_S, eventually


def test_progress_shows_while_the_chat_model_loads_and_completions_go_on(runtime_dir: Path) -> None:
    may_load = threading.Event()

    def load(progress: ProgressCallback) -> FakeEngine:
        progress(LoadProgress("reading", 0.5))
        may_load.wait()
        return FakeEngine("because")

    async def use(daemon: Serving) -> None:
        async def reading() -> bool:
            chat = await chat_status(daemon)
            assert chat["name"] == "talker"
            return bool(chat["progress"] == {"stage": "reading", "fraction": 0.5})

        answers = [asyncio.create_task(daemon.runtime.complete(CHAT)) for _ in range(2)]
        await eventually(reading)
        assert (await chat_status(daemon))["state"] == "loading"
        assert (await daemon.runtime.complete(CODE)).text == "code"
        assert not any(answer.done() for answer in answers)
        may_load.set()
        assert [(await answer).text for answer in answers] == ["because"] * 2

    with_daemon(
        FakeEngine("code"), use, spec=DaemonSpec(chat_model="talker"), load_chat=lambda _: load
    )


@pytest.mark.parametrize("failure", [None, OutOfMemory("Full.", "Buy more.")])
def test_a_client_is_told_how_far_the_chat_model_is(
    runtime_dir: Path, failure: OutOfMemory | None
) -> None:
    told: list[LoadProgress] = []
    half, whole = LoadProgress("reading", 0.5), LoadProgress("ready", 1.0)

    async def use(daemon: Serving) -> None:
        seen = threading.Event()

        def load(progress: ProgressCallback) -> FakeEngine:
            progress(half)
            assert seen.wait(WAIT_S)
            if failure:
                raise failure
            return FakeEngine("because")

        def note(progress: LoadProgress) -> None:
            told.append(progress)
            if progress == half:
                seen.set()

        loads.append(load)
        runtime = DaemonRuntime(spec, progress=note, autostart=False)
        with contextlib.suppress(OutOfMemory):
            await runtime.complete(CHAT)
        await runtime.close()

    spec, loads = DaemonSpec(chat_model="talker"), list[LoadEngine]()
    with_daemon(FakeEngine("code"), use, spec=spec, load_chat=lambda _: loads[0])
    assert told[-2:] == [half, whole]


def test_stopping_ends_both(runtime_dir: Path) -> None:
    code, talk = FakeEngine("x", endless=True), FakeEngine("y", endless=True)

    async def use(daemon: Serving) -> None:
        running = [
            asyncio.create_task(daemon.runtime.complete(request)) for request in (CODE, CHAT)
        ]
        for engine in (code, talk):
            await asyncio.to_thread(engine.submitted.wait)
        await daemon.post("/v1/shutdown", {})
        assert [(await answer).finish_reason for answer in running] == ["aborted"] * 2
        await daemon.ended

    spec = DaemonSpec(chat_model="talker")
    with_daemon(code, use, spec=spec, load_chat=lambda _: lambda _: talk)
    assert code.closed
    assert talk.closed


def test_a_device_that_fails_for_one_has_failed_for_both(runtime_dir: Path) -> None:
    failing = FakeEngine(DeviceLost("The device has failed.", "Look at it."))

    async def use(daemon: Serving) -> None:
        with pytest.raises(RuntimeUnavailable, match="device has failed"):
            await daemon.runtime._complete_once(CHAT)
        await daemon.ended

    spec = DaemonSpec(chat_model="talker")
    with_daemon(FakeEngine("x"), use, spec=spec, load_chat=lambda _: lambda _: failing)
