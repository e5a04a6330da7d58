"""A second model for chats beside the one for completions, with real checkpoints."""

from __future__ import annotations

import asyncio
import weakref
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_runtime.api import (
    Chunk,
    Completion,
    MissingCapability,
    ModelNotFound,
    ProgressCallback,
    RuntimeFailure,
    RuntimeUnavailable,
)
from model_runtime.chat_loading import first_options, needed_bytes
from model_runtime.client import DaemonRuntime, daemon_status, stop_daemon
from model_runtime.daemon import chat_loader, loader
from model_runtime.device_turns import DeviceTurns
from model_runtime.engine import Engine
from model_runtime.loading import load_engine
from model_runtime.resident import LoadEngine
from tests.daemon.chatting import BASE_MODEL, CHAT, CHAT_MODEL, LONG_CHAT, write_checkpoint
from tests.daemon.serving import Serving, with_daemon
from tests.daemon.two_models import CODE, chat_status, spec_of, with_both
from tests.daemon.waiting import eventually
from tests.runtime.running import Running


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in (BASE_MODEL, CHAT_MODEL):
        write_checkpoint(folder, name)
    return folder


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


def test_the_first_models_cache_leaves_room(folders: Path) -> None:
    import torch

    spec = spec_of(folders, folders / CHAT_MODEL)
    need = needed_bytes(folders / CHAT_MODEL, torch.device("cpu"), "auto")
    assert first_options(spec).reserved_bytes == need.running
    half = needed_bytes(folders / CHAT_MODEL, torch.device("cpu"), "bfloat16")
    assert half.running < need.running
    for name in (BASE_MODEL, CHAT_MODEL):  # the latter on our own kernels
        whole = needed_bytes(folders / name, torch.device("cpu"), "float32")
        assert needed_bytes(folders / name, torch.device("cpu"), "int8").running < whole.running
    exact = needed_bytes(folders / BASE_MODEL, torch.device("cpu"), "auto").running
    assert first_options(spec_of(folders, folders / BASE_MODEL)).reserved_bytes == pytest.approx(
        exact, rel=0, abs=20_000
    )
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
