"""A runtime over other people's servers, as they are: `transformers serve` and llama.cpp's."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from model_runtime.api import (
    ChatMessage,
    Chunk,
    CompletionRequest,
    Event,
    Finished,
    RuntimeFailure,
    RuntimeUnavailable,
)
from model_runtime.openai_runtime import OpenAIRuntime
from tests.daemon.chatting import CHAT, LONG_CHAT, QUESTION, write_checkpoint
from tests.daemon.waiting import wait_for_port

CHATML_MODEL = "Qwen2.5-Coder-0.5B-Instruct"
SERVE = "from transformers.cli.transformers import main; main()"

LLAMA_CPP_NEEDS = (
    *("llama_cpp", "gguf", "fastapi"),
    *("sse_starlette", "starlette_context", "pydantic_settings"),
)

Use = Callable[[OpenAIRuntime], Awaitable[None]]


@contextlib.contextmanager
def server(command: list[str], folder: Path) -> Iterator[str]:
    """A server as a process of its own, once it listens; yields its base URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder), "HF_HUB_CACHE": str(folder)}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command, "--host", "127.0.0.1", "--port", str(port)],
            env=os.environ | offline,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def transformers_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("fastapi")
    pytest.importorskip("openai")
    folder = tmp_path_factory.mktemp("transformers")
    checkpoint = write_checkpoint(folder, CHATML_MODEL)
    with server(["-c", SERVE, "serve", str(checkpoint), "--device", "cpu"], folder) as url:
        yield url


@pytest.fixture(scope="module")
def llama_cpp_url(tmp_path_factory: pytest.TempPathFactory, starter_folder: Path) -> Iterator[str]:
    for module in LLAMA_CPP_NEEDS:  # its server is an extra of its own
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    from benchmarks.peers.gguf_export import export_gguf

    folder = tmp_path_factory.mktemp("llama_cpp")
    export_gguf(starter_folder, folder / "starter.gguf")
    command = ["-m", "llama_cpp.server", "--model", str(folder / "starter.gguf"), "--n_ctx", "1024"]
    with server([*command, "--chat_format", "alpaca"], folder) as url:
        yield url


@pytest.fixture(params=["transformers_url", "llama_cpp_url"])
def with_runtime(request: pytest.FixtureRequest) -> Callable[[Use], None]:
    """Runs a test with a client of a third-party server."""
    url: str = request.getfixturevalue(request.param)

    def run(use: Use) -> None:
        async def connect() -> None:
            runtime = OpenAIRuntime(url)
            try:
                await use(runtime)
            finally:
                await runtime.close()

        asyncio.run(connect())

    return run


def test_a_conversation_streams(with_runtime: Callable[[Use], None]) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        whole = await runtime.complete(CHAT)
        events = [event async for event in runtime.stream(CHAT)]
        *chunks, finished = events
        assert len(chunks) > 1
        assert "".join(e.text for e in chunks if isinstance(e, Chunk)) == whole.text
        assert isinstance(finished, Finished)
        assert whole.text
        assert whole.finish_reason == finished.reason
        assert whole.model

    with_runtime(use)


def test_the_model_is_described(with_runtime: Callable[[Use], None]) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        info = await runtime.info()
        assert info.id
        assert info.context_length >= 1024

    with_runtime(use)


def test_a_completion(with_runtime: Callable[[Use], None]) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        request = CompletionRequest(prompt="def area(width, height):\n    return", max_tokens=6)
        done = await runtime.complete(request)
        assert done.text
        stop = done.text[1:3]
        stopped = await runtime.complete(replace(request, stop=(stop,)))
        assert stopped.text == done.text[: done.text.index(stop)]

    with_runtime(use)


def test_leaving_in_mid_answer_lets_the_next_one_in(with_runtime: Callable[[Use], None]) -> None:
    async def use(runtime: OpenAIRuntime) -> None:
        async with aclosing(runtime.stream(LONG_CHAT)) as events:
            assert isinstance(await anext(events), Chunk)
        assert (await runtime.complete(CHAT)).text

    with_runtime(use)


def test_a_refusal_is_quoted(transformers_url: str) -> None:
    async def check() -> None:
        runtime = OpenAIRuntime(transformers_url, "somebody/else")
        with pytest.raises(RuntimeFailure, match="It says: Server is pinned to"):
            await runtime.complete(CHAT)
        await runtime.close()

    asyncio.run(check())


async def exhaust(events: AsyncIterator[Event]) -> None:
    async for _ in events:
        continue


def test_a_server_that_is_killed_in_mid_answer(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    checkpoint = write_checkpoint(tmp_path, CHATML_MODEL)

    async def check(url: str, kill: Callable[[], None]) -> None:
        runtime = OpenAIRuntime(url)
        talk = replace(LONG_CHAT, messages=(ChatMessage(QUESTION.role, "Go on and on."),))
        async with aclosing(runtime.stream(talk)) as events:
            assert isinstance(await anext(events), Chunk)
            kill()
            with pytest.raises(RuntimeUnavailable, match="broke off"):
                await exhaust(events)
        with pytest.raises(RuntimeUnavailable, match="No engine answers"):
            await runtime.complete(CHAT)
        await runtime.close()

    stack = contextlib.ExitStack()
    with stack:
        command = ["-c", SERVE, "serve", str(checkpoint), "--device", "cpu"]
        url = stack.enter_context(server(command, tmp_path))
        asyncio.run(check(url, stack.close))
