"""A second model for chats beside the one for completions, with real checkpoints."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
import weakref
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_runtime.api import (
    Chunk,
    Completion,
    CompletionRequest,
    LoadProgress,
    MissingCapability,
    ModelNotFound,
    OutOfMemory,
    ProgressCallback,
    RuntimeFailure,
    RuntimeUnavailable,
    UnsupportedModel,
)
from model_runtime.chat_loading import first_options, needed_bytes
from model_runtime.client import DaemonRuntime, DaemonSpec, daemon_status, stop_daemon
from model_runtime.daemon import chat_loader, loader
from model_runtime.device_turns import DeviceTurns
from model_runtime.engine import Engine
from model_runtime.failures import DeviceLost
from model_runtime.loading import load_engine
from model_runtime.resident import LoadEngine
from tests.daemon.chatting import BASE_MODEL, CHAT, CHAT_MODEL, LONG_CHAT, write_checkpoint
from tests.daemon.fakes import FakeEngine
from tests.daemon.serving import Serving, with_daemon
from tests.daemon.waiting import WAIT_S, eventually
from tests.runtime.running import Running

CODE = CompletionRequest(prompt="def area(width, height):\n    return", suffix="\n", max_tokens=6)
Use = Callable[[Serving], Awaitable[None]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in (BASE_MODEL, CHAT_MODEL):
        write_checkpoint(folder, name)
    return folder


def spec_of(folders: Path, chat_model: Path | str = "") -> DaemonSpec:
    model = str(folders / BASE_MODEL)
    return DaemonSpec(model=model, device="cpu", chat_model=str(chat_model))


def with_both(folders: Path, chat_model: Path, use: Use) -> list[Engine]:
    """Runs a test beside a daemon with the two; returns the engines it has loaded."""
    spec, turns = spec_of(folders, chat_model), DeviceTurns()
    engines: list[Engine] = []

    def noted(load: LoadEngine) -> LoadEngine:
        def load_and_note(progress: ProgressCallback) -> Engine:
            engine = load(progress)
            assert isinstance(engine, Engine)
            engines.append(engine)
            return engine

        return load_and_note

    load_chat = chat_loader(spec, turns)
    with_daemon(
        noted(loader(spec, turns)), use, spec=spec, load_chat=lambda name: noted(load_chat(name))
    )
    return engines


async def chat_status(daemon: Serving) -> dict[str, Any]:
    _, status = await daemon.get("/v1/status")
    chat: dict[str, Any] = status["chat"]
    return chat


def answer_alone(folder: Path, request: Any) -> str:
    engine = load_engine(folder)
    running = Running(engine, request)
    running.wait()
    engine.close()
    return running.text


def test_one_completes_and_the_other_chats(runtime_dir: Path, folders: Path) -> None:
    async def use(daemon: Serving) -> None:
        runtime = daemon.runtime
        assert (await runtime.complete(CODE)).model == BASE_MODEL
        assert (await chat_status(daemon))["state"] == "unloaded"
        code, talk, streamed = await asyncio.gather(
            runtime.complete(CODE), runtime.complete(CHAT), collect(runtime, CHAT)
        )
        assert code.text == answer_alone(folders / BASE_MODEL, CODE)
        assert talk.text == streamed == answer_alone(folders / CHAT_MODEL, CHAT)
        assert talk.model == CHAT_MODEL
        chat = await chat_status(daemon)
        assert (chat["state"], chat["model"]["id"]) == ("ready", CHAT_MODEL)
        assert chat["engine"]["requests"] == 2
        _, models = await daemon.get("/v1/models")
        assert [model["id"] for model in models["data"]] == [BASE_MODEL, CHAT_MODEL]

    first, second = with_both(folders, folders / CHAT_MODEL, use)
    assert first.stats().requests == 2
    for engine in (first, second):  # both have ended with the daemon
        with pytest.raises(RuntimeUnavailable, match="closed"):
            engine.submit(CODE if engine is first else CHAT, print)


async def collect(runtime: DaemonRuntime, request: Any) -> str:
    events = [event async for event in runtime.stream(request)]
    return "".join(event.text for event in events if isinstance(event, Chunk))


def test_both_may_be_named(runtime_dir: Path, folders: Path) -> None:
    async def use(daemon: Serving) -> None:
        for name in (CHAT_MODEL, str(folders / CHAT_MODEL)):
            assert (await daemon.runtime.complete(replace(CHAT, model=name))).model == CHAT_MODEL
        with pytest.raises(MissingCapability, match="was not trained for chat"):
            await daemon.runtime.complete(replace(CHAT, model=BASE_MODEL))
        with pytest.raises(ModelNotFound, match="CodeLlama-7b-Instruct-hf, not 'gpt'"):
            await daemon.runtime.complete(replace(CHAT, model="gpt"))

    with_both(folders, folders / CHAT_MODEL, use)


def test_a_completion_passes_a_long_chat(runtime_dir: Path, folders: Path) -> None:
    """The chat keeps nobody waiting, and leaving it ends it in its own engine."""

    async def use(daemon: Serving) -> None:
        async def aborted() -> bool:
            engine = (await chat_status(daemon))["engine"]
            return bool(engine["aborted"] == 1 and engine["running"] == 0)

        async with aclosing(daemon.runtime.stream(LONG_CHAT)) as events:
            assert isinstance(await anext(events), Chunk)
            _, status = await daemon.get("/v1/status")
            assert status["idle_s"] == 0
            assert (await daemon.runtime.complete(CODE)).text
        await eventually(aborted)

    first, second = with_both(folders, folders / CHAT_MODEL, use)
    assert first._turns is second._turns


def damaged(folders: Path, folder: Path) -> Path:
    broken = Path(shutil.copytree(folders / CHAT_MODEL, folder / CHAT_MODEL))
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    return broken


def test_a_damaged_chat_model_is_told_until_it_is_mended(
    runtime_dir: Path, folders: Path, tmp_path: Path
) -> None:
    broken = damaged(folders, tmp_path)

    async def use(daemon: Serving) -> None:
        for _ in range(2):
            with pytest.raises((UnsupportedModel, ModelNotFound)) as failure:
                await daemon.runtime.complete(CHAT)
            assert failure.value.hint
            assert "\n" not in failure.value.message
            assert (await daemon.runtime.complete(CODE)).text
            chat = await chat_status(daemon)
            assert (chat["state"], chat["error"]["message"]) == ("failed", failure.value.message)
        shutil.copy(folders / CHAT_MODEL / "model.safetensors", broken)
        assert (await daemon.runtime.complete(CHAT)).text
        assert (await chat_status(daemon))["error"] is None

    with_both(folders, broken, use)


def test_a_missing_chat_model_is_told_and_found_later(
    runtime_dir: Path, folders: Path, tmp_path: Path
) -> None:
    missing = tmp_path / CHAT_MODEL

    async def use(daemon: Serving) -> None:
        with pytest.raises(ModelNotFound, match="There is no model folder at"):
            await daemon.runtime.complete(CHAT)
        assert (await daemon.runtime.complete(CODE)).text
        shutil.copytree(folders / CHAT_MODEL, missing)
        assert (await daemon.runtime.complete(CHAT)).text

    with_both(folders, missing, use)


def test_a_chat_model_that_does_not_chat(runtime_dir: Path, folders: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folders / BASE_MODEL, tmp_path / "starcoder2-7b"))

    async def use(daemon: Serving) -> None:
        with pytest.raises(MissingCapability, match="starcoder2-7b was not trained for chat"):
            await daemon.runtime.complete(CHAT)
        assert (await daemon.runtime.complete(CODE)).text

    assert len(with_both(folders, other, use)) == 1  # its weights were never read


def test_a_chat_model_without_room(
    runtime_dir: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(daemon: Serving) -> None:
        await daemon.runtime.info()
        with monkeypatch.context() as patch:
            patch.setattr("model_runtime.kv_cache.planning.free_memory", lambda _: 2**20)
            with pytest.raises(OutOfMemory, match=r"takes 0\.3 GiB beside .*; 0\.0 GiB are free"):
                await daemon.runtime.complete(CHAT)
            assert (await daemon.runtime.complete(CODE)).text
        assert (await daemon.runtime.complete(CHAT)).text

    with_both(folders, folders / CHAT_MODEL, use)


def test_the_first_models_cache_leaves_room(folders: Path) -> None:
    import torch

    spec = spec_of(folders, folders / CHAT_MODEL)
    need = needed_bytes(folders / CHAT_MODEL, torch.device("cpu"), "auto")
    assert first_options(spec).reserved_bytes == need.running
    half = needed_bytes(folders / CHAT_MODEL, torch.device("cpu"), "bfloat16")
    assert half.running < need.running
    assert first_options(spec_of(folders)).reserved_bytes == 0
    assert first_options(spec_of(folders, "/no/such/folder")).reserved_bytes == 0


def test_without_a_chat_model_the_setting_is_named(runtime_dir: Path, folders: Path) -> None:
    spec = spec_of(folders)

    async def use(daemon: Serving) -> None:
        with pytest.raises(MissingCapability, match="was not trained for chat") as refused:
            await daemon.runtime.complete(CHAT)
        assert "chat_model" in refused.value.hint
        _, status = await daemon.get("/v1/status")
        assert status["chat"] is None

    with_daemon(loader(spec, DeviceTurns()), use, spec=spec)


def test_a_model_that_chats_itself_does(runtime_dir: Path, folders: Path) -> None:
    spec = replace(spec_of(folders, folders / BASE_MODEL), model=str(folders / CHAT_MODEL))

    async def use(daemon: Serving) -> None:
        assert (await daemon.runtime.complete(CHAT)).model == CHAT_MODEL
        assert (await chat_status(daemon))["state"] == "unloaded"

    turns = DeviceTurns()
    with_daemon(loader(spec, turns), use, spec=spec, load_chat=chat_loader(spec, turns))


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


def test_a_chat_model_set_later_is_loaded_by_the_same_daemon(
    runtime_dir: Path, folders: Path
) -> None:
    """And another one instead of it, once its chats have ended; what it took is free again."""
    plain, turns = spec_of(folders), DeviceTurns()
    other = write_checkpoint(folders, "granite-3b-code-instruct-2k")
    gone: list[weakref.ref[Engine]] = []
    load_chat = chat_loader(plain, turns)

    def noted(name: str) -> LoadEngine:
        def load(progress: ProgressCallback) -> Engine:
            engine = load_chat(name)(progress)
            assert isinstance(engine, Engine)
            gone.append(weakref.ref(engine))
            return engine

        return load

    async def use(daemon: Serving) -> None:
        with pytest.raises(MissingCapability):
            await daemon.runtime.complete(CHAT)
        first = DaemonRuntime(replace(plain, chat_model=str(folders / CHAT_MODEL)))
        second = DaemonRuntime(replace(plain, chat_model=str(other)))
        assert (await first.complete(CHAT)).model == CHAT_MODEL
        async with aclosing(first.stream(LONG_CHAT)) as events:
            assert isinstance(await anext(events), Chunk)
            with pytest.raises(RuntimeFailure, match="Instruct-hf is answering a chat"):
                await second.complete(CHAT)
        assert (await eventually(lambda: answered(second))).model == other.name
        assert gone[0]() is None
        assert gone[1]() is not None
        assert (await first.complete(CHAT)).model == CHAT_MODEL
        await first.close()
        await second.close()

    with_daemon(loader(plain, turns), use, spec=plain, load_chat=noted)


async def answered(runtime: DaemonRuntime) -> Completion | None:
    """None while the chat before it is still being left."""
    try:
        return await runtime.complete(CHAT)
    except RuntimeFailure as failure:
        if "is answering a chat" not in failure.message:
            raise
        return None


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


def test_a_daemon_of_its_own(runtime_dir: Path, folders: Path) -> None:
    """From the client's spec to the second model in another process."""
    spec = spec_of(folders, folders / CHAT_MODEL)

    async def run() -> None:
        runtime = DaemonRuntime(spec)
        code, talk = await asyncio.gather(runtime.complete(CODE), runtime.complete(CHAT))
        assert (code.model, talk.model) == (BASE_MODEL, CHAT_MODEL)
        status = await daemon_status(spec)
        assert status is not None
        assert status["chat"]["state"] == "ready"
        await runtime.close()
        await stop_daemon(spec)

    asyncio.run(run())
