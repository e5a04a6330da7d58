"""The life of a second model in the daemon, with scripted engines."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

import pytest

from model_runtime.api import (
    Completion,
    LoadProgress,
    OutOfMemory,
    ProgressCallback,
    RuntimeUnavailable,
)
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


class _SlowToLeave(FakeEngine):
    """An engine that takes its time to end."""

    def __init__(self, *script: str) -> None:
        super().__init__(*script)
        self.leaving, self.may_leave = threading.Event(), threading.Event()

    def close(self) -> None:
        self.leaving.set()
        assert self.may_leave.wait(WAIT_S)
        super().close()


def test_windows_that_want_different_chat_models_each_hear_their_own(runtime_dir: Path) -> None:
    old = _SlowToLeave("old")
    loaded: list[str] = []

    def load_chat(name: str) -> LoadEngine:
        def load(_: ProgressCallback) -> FakeEngine:
            assert old.closed or name == "old", "there is no room for two of them"
            loaded.append(name)
            return old if name == "old" else FakeEngine(name)

        return load

    async def use(daemon: Serving) -> None:
        names = ("old", "one", "two")
        clients = [DaemonRuntime(DaemonSpec(chat_model=n), autostart=False) for n in names]
        assert (await clients[0].complete(CHAT)).text == "old"
        first = asyncio.create_task(clients[1].complete(CHAT))
        await asyncio.to_thread(old.leaving.wait, WAIT_S)
        given_up = asyncio.create_task(clients[1].complete(CHAT))
        others = [asyncio.create_task(client.complete(CHAT)) for client in clients[1:]]
        assert (await daemon.runtime.complete(CODE)).text == "code"
        given_up.cancel()
        first.cancel()  # who asked for the change has gone; the change goes on
        old.may_leave.set()
        for name, answer in zip(names[1:], await settled(others), strict=True):
            assert answer in (name, f"cannot change to {name}")
        assert loaded[:2] == ["old", "one"]
        for client in clients:
            await client.close()

    with_daemon(FakeEngine("code"), use, spec=DaemonSpec(chat_model="old"), load_chat=load_chat)


async def settled(answers: list[asyncio.Task[Completion]]) -> list[str]:
    """What each says, or the refusal to change the model."""
    said = await asyncio.gather(*answers, return_exceptions=True)
    return [
        each.text if isinstance(each, Completion) else str(each).split(": ")[0].split("daemon ")[1]
        for each in said
    ]
