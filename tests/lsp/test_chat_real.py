"""Chats from the editor to real models: a daemon's of our own, and over `transformers serve`."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from model_runtime.client import daemon_status, running_daemons
from tests.daemon.chatting import CHAT_MODEL, write_checkpoint
from tests.daemon.test_openai_engines import CHATML_MODEL, SERVE, server
from tests.daemon.waiting import eventually
from tests.lsp.chatting import (
    CANCELLED,
    REQUEST_FAILED,
    ask,
    error_of,
    partial_results,
    result_of,
    streamed_text,
)
from tests.lsp.client import LspClient, cancelling, in_subprocess, play

LONG = 700
SHORT = 12


@pytest.fixture(scope="module")
def chat_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return talkative(write_checkpoint(tmp_path_factory.mktemp("checkpoint"), CHAT_MODEL))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A third party's server with a model that chats; its base URL."""
    pytest.importorskip("fastapi")
    folder = tmp_path_factory.mktemp("transformers")
    checkpoint = talkative(write_checkpoint(folder, CHATML_MODEL))
    with server(["-c", SERVE, "serve", str(checkpoint), "--device", "cpu"], folder) as url:
        yield url


def talkative(checkpoint: Path) -> Path:
    """Make it all but impossible that random weights end an answer by chance."""
    from safetensors.torch import load_file, save_file

    file = checkpoint / "model.safetensors"
    weights = load_file(file)
    end = json.loads((checkpoint / "config.json").read_text())["eos_token_id"]
    weights["lm_head.weight"][end] = 0.0
    save_file(weights, file, {"format": "pt"})
    return checkpoint


@pytest.fixture(autouse=True, scope="module")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What one test has loaded serves the next one: importing torch is what takes the time. The
    folder's name is short, because a socket's path has room for about a hundred bytes.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path_factory.mktemp("r")))
        yield
        for daemon in running_daemons():
            os.kill(daemon.pid, signal.SIGKILL)


@asynccontextmanager
async def editor(tmp_path: Path, **settings: object) -> AsyncIterator[LspClient]:
    """An editor with a server of its own."""
    environment = {
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_DEVICE": "cpu",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        **{f"FIMBRIA_{name.upper()}": str(value) for name, value in settings.items()},
    }
    async with in_subprocess(environment=environment) as client:
        await client.start()
        yield client


async def answered(client: LspClient, question: str, conversation: str = "") -> dict[str, Any]:
    """Ask until there is something to read: random weights may say nothing but blanks."""
    while True:
        answer = await client.answer(ask(client, question, conversation))
        values = partial_results(client, f"partial {question}")
        if "error" not in answer:
            result: dict[str, Any] = answer["result"]
            assert streamed_text(values) == result["answer"]["content"]
            return result
        assert "empty" in answer["error"]["message"]


async def begun(client: LspClient, question: str) -> int:
    """Ask for a long answer and wait for its first words."""
    request = ask(client, question)
    while (await client.take("$/progress"))["params"]["value"]["kind"] != "text":
        continue
    return request


async def stop(client: LspClient, request: int, question: str) -> None:
    """Leave an answer that has begun."""
    client.send(cancelling(request))
    assert (await client.answer(request))["error"]["code"] == CANCELLED
    partial_results(client, f"partial {question}")


def test_a_conversation_with_a_daemon_s_model_computes_each_turn_once(
    tmp_path: Path, chat_checkpoint: Path
) -> None:
    async def scenario() -> None:
        async with editor(tmp_path, model=chat_checkpoint, chat_max_tokens=SHORT) as client:
            client.open("def area(width, height):\n    return width * height\n")
            first = await answered(client, "What is the area?")
            assert first["usage"]["promptTokens"] > 50
            second = await answered(client, "And of a square?", first["conversation"])
            assert second["usage"]["cachedTokens"] >= first["usage"]["promptTokens"]
            assert second["usage"]["promptTokens"] > second["usage"]["cachedTokens"]
            status = await result_of(client, "fimbria/chat/status")
            assert (status["isAvailable"], status["model"]) == (True, CHAT_MODEL)

    play(scenario())
    assert "area" not in (tmp_path / "lsp.log").read_text(), "what is said is nobody's business"


def test_a_second_model_chats_beside_the_starter(tmp_path: Path, chat_checkpoint: Path) -> None:
    async def scenario() -> None:
        settings = {"chat_model": chat_checkpoint, "chat_max_tokens": SHORT}
        before = {daemon.pid for daemon in running_daemons()}
        async with editor(tmp_path, **settings) as client:
            first = await answered(client, "What is the area?")
            second = await answered(client, "And of a square?", first["conversation"])
            assert second["usage"]["cachedTokens"] >= first["usage"]["promptTokens"]
            client.open("def area(width, height):\n    return width * \n")
            shown = await client.result(client.complete(1, 19))
            assert set(shown) == {"items"}
            started = {daemon.pid for daemon in running_daemons()} - before
            assert len(started) <= 1, "both models are in one daemon"

    play(scenario())


def test_cancelling_ends_the_daemon_s_work_and_the_next_question_is_answered(
    tmp_path: Path, chat_checkpoint: Path
) -> None:
    async def scenario() -> None:
        async with editor(tmp_path, model=chat_checkpoint, chat_max_tokens=LONG) as client:
            request = await begun(client, "Tell me everything.")
            before = await num_aborted(chat_checkpoint)
            await stop(client, request, "Tell me everything.")

            async def has_ended() -> bool:
                return await num_aborted(chat_checkpoint) == before + 1

            await eventually(has_ended)
            await stop(client, await begun(client, "And now?"), "And now?")

    play(scenario())


async def num_aborted(checkpoint: Path) -> int:
    """How many requests the daemon of a model has left unfinished."""
    (daemon,) = [each for each in running_daemons() if each.model == str(checkpoint)]
    status = await daemon_status(daemon)
    assert status is not None
    return int(status["engine"]["aborted"])


def test_a_daemon_that_is_killed_in_mid_answer(tmp_path: Path, chat_checkpoint: Path) -> None:
    async def scenario() -> None:
        async with editor(tmp_path, model=chat_checkpoint, chat_max_tokens=LONG) as client:
            request = await begun(client, "Tell me everything.")
            (daemon,) = [each for each in running_daemons() if each.model == str(chat_checkpoint)]
            os.kill(daemon.pid, signal.SIGKILL)
            error = (await client.answer(request))["error"]
            assert error["code"] == REQUEST_FAILED
            assert "daemon" in error["message"]
            partial_results(client, "partial Tell me everything.")
            (listed,) = await result_of(client, "fimbria/chat/list")
            whole = await result_of(client, "fimbria/chat/get", conversation=listed["conversation"])
            assert whole["messages"][1]["ending"] == "failed"
            await stop(client, await begun(client, "Are you there?"), "Are you there?")

    play(scenario())


def test_the_starter_says_which_settings_bring_chat(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with editor(tmp_path) as client:
            error = await error_of(client, "fimbria/chat", {"message": "Why?"})
            assert "chat_model" in error["message"]
            assert "chat_endpoint" in error["message"]

    play(scenario())
    assert "chat_endpoint" in (tmp_path / "lsp.log").read_text()


def test_a_second_model_that_does_not_chat_is_refused(tmp_path: Path, starter_folder: Path) -> None:
    async def scenario() -> None:
        async with editor(tmp_path, chat_model=starter_folder) as client:
            error = await error_of(client, "fimbria/chat", {"message": "Why?"})
            assert error["code"] == REQUEST_FAILED
            assert "chat" in error["message"]
            client.open("def area(width, height):\n    return width * \n")
            assert "items" in await client.result(client.complete(1, 19))

    play(scenario())


def test_a_conversation_over_transformers_serve(tmp_path: Path, served: str) -> None:
    async def scenario() -> None:
        settings = {"chat_endpoint": served, "chat_max_tokens": SHORT, "warm_up": "off"}
        async with editor(tmp_path, **settings) as client:
            first = await answered(client, "What is a square?")
            second = await answered(client, "And a cube?", first["conversation"])
            assert second["usage"]["promptTokens"] > first["usage"]["promptTokens"]

    play(scenario())


def test_cancelling_over_transformers_serve(tmp_path: Path, served: str) -> None:
    async def scenario() -> None:
        settings = {"chat_endpoint": served, "chat_max_tokens": LONG, "warm_up": "off"}
        async with editor(tmp_path, **settings) as client:
            for question in ("Tell me everything.", "And now?"):
                await stop(client, await begun(client, question), question)

    play(scenario())
