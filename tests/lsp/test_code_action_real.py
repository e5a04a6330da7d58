"""Code actions from the editor to real weights and back."""

from __future__ import annotations

import ast
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from model_runtime.client import running_daemons
from tests.daemon.chatting import CHAT_MODEL, write_checkpoint
from tests.lsp.acting import RESOLVING, applied, cursor, diagnostic, listed, resolve, titled, told
from tests.lsp.client import LspClient, Message, cancelling, in_subprocess, play
from tests.lsp.test_chat_real import talkative

TEXT = "def area(w, h):\n    return w + h  # TODO\n"


@pytest.fixture(scope="module")
def chat_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return talkative(write_checkpoint(tmp_path_factory.mktemp("checkpoint"), CHAT_MODEL))


@pytest.fixture(autouse=True)
def runtime_dir(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Short, because a socket's path has room for about a hundred bytes."""
    monkeypatch.setenv("FIMBRIA_RUNTIME_DIR", str(tmp_path_factory.mktemp("r")))


@asynccontextmanager
async def editor(tmp_path: Path, **settings: str) -> AsyncIterator[LspClient]:
    """An editor with a server of its own; its daemon ends with it."""
    environment = {
        "FIMBRIA_LOG_FILE": str(tmp_path / "lsp.log"),
        "FIMBRIA_DEVICE": "cpu",
        **{f"FIMBRIA_{name.upper()}": value for name, value in settings.items()},
    }
    try:
        async with in_subprocess(environment=environment) as client:
            await client.start(capabilities={**RESOLVING, "window": {"workDoneProgress": True}})
            client.open(TEXT)
            yield client
    finally:
        for daemon in running_daemons():
            os.kill(daemon.pid, signal.SIGKILL)


async def listed_once_loaded(client: LspClient, problems: list[Message]) -> list[Message]:
    """Ask until the model is known; a request for ghost text waits for it."""
    await client.result(client.complete(1, 16))
    return await listed(client, cursor(TEXT, "return"), problems)


def test_the_starter_writes_a_docstring(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with editor(tmp_path) as client:
            actions = await listed_once_loaded(client, [])
            assert [action["title"] for action in actions] == ["Write a docstring for area"]
            edit = (await client.result(resolve(client, actions[0])))["edit"]
            (function,) = ast.parse(applied(TEXT, edit)).body
            assert isinstance(function, ast.FunctionDef)
            documented = ast.get_docstring(function)
            assert documented is not None
            assert "w:" in documented
            assert ast.unparse(function.body[1]) == "return w + h"
            forget(client)

    play(scenario())


def test_a_model_that_writes_nonsense_changes_nothing(
    tmp_path: Path, chat_checkpoint: Path
) -> None:
    async def scenario() -> None:
        async with editor(tmp_path, model=str(chat_checkpoint)) as client:
            problem = diagnostic(cursor(TEXT, "return"), "wrong")
            actions = await listed_once_loaded(client, [problem])
            for title in ("Fix", "Simplify"):
                answer = await client.result(resolve(client, titled(actions, title)))
                assert "edit" not in answer
                assert "Nothing was changed." in await told(client)
            cancelled = resolve(client, titled(actions, "Simplify"))
            client.send(cancelling(cancelled))
            assert (await client.answer(cancelled))["error"]["code"] == -32800
            assert await listed(client, cursor(TEXT, "return"), [problem])
            forget(client)

    play(scenario())


async def beginning(client: LspClient, action: Message) -> int:
    """Choose an action and wait until some of its answer has come; returns the request."""
    request = resolve(client, action)
    while True:
        create = await client.take("window/workDoneProgress/create")
        client.send({"id": create["id"], "result": None})
        if create["params"]["token"].startswith("fimbria-work"):
            break
    while True:
        progress = (await client.take("$/progress"))["params"]
        if progress["token"] == create["params"]["token"] and progress["value"]["kind"] == "report":
            return request


def forget(client: LspClient) -> None:
    """What loading and progress displays say."""
    kept = ("window/showMessage",)
    for message in [m for m in client.unread if m["method"] not in kept]:
        client.unread.remove(message)


def test_a_daemon_that_is_killed_in_mid_answer(tmp_path: Path, chat_checkpoint: Path) -> None:
    async def scenario() -> None:
        async with editor(tmp_path, model=str(chat_checkpoint)) as client:
            actions = await listed_once_loaded(client, [])
            request = await beginning(client, titled(actions, "Complete area"))
            (daemon,) = running_daemons()
            os.kill(daemon.pid, signal.SIGKILL)
            assert "edit" not in await client.result(request)
            assert "Nothing was changed." in await told(client)
            again = await listed(client, cursor(TEXT, "return"))
            request = await beginning(client, titled(again, "Complete area"))
            client.send(cancelling(request))
            assert (await client.answer(request))["error"]["code"] == -32800
            await client.settle()
            forget(client)

    play(scenario())
