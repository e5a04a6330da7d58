"""What the doctor says of chat."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.cli.chat_check import check_chat
from lsp_server.cli.check import State
from lsp_server.settings import Settings
from model_runtime.api import Capability
from tests.daemon.openai_engines import Engine, refusing, streamed
from tests.fakes import MODEL

CHATTING = replace(MODEL, capabilities=MODEL.capabilities | {Capability.CHAT})


def test_a_model_that_chats_is_enough() -> None:
    assert check_chat(Settings(), CHATTING).state is State.OK
    check = check_chat(Settings(chat_model="another"), CHATTING)
    assert check.state is State.OK
    assert check.found.endswith("chats itself; another is not needed")


def test_without_one_the_settings_that_bring_it_are_named() -> None:
    check = check_chat(Settings(), MODEL)
    assert check.state is State.NOTE
    assert "not offered" in check.found
    assert "chat_model" in check.hint
    assert "chat_endpoint" in check.hint


def test_a_model_that_is_not_there_tells_nothing() -> None:
    assert check_chat(Settings(), None).state is State.NOTE


def test_a_second_model_s_files_are_looked_for(tmp_path: Path, starter_folder: Path) -> None:
    there = check_chat(Settings(chat_model=str(starter_folder)), MODEL)
    assert there.state is State.OK
    missing = check_chat(Settings(chat_model=str(tmp_path / "nowhere")), MODEL)
    assert missing.state is State.BROKEN
    assert missing.hint


def test_an_endpoint_that_is_no_url_is_what_is_wrong() -> None:
    check = check_chat(Settings(chat_endpoint="127.0.0.1:8080/v1", chat_model="second"), CHATTING)
    assert check.state is State.BROKEN
    assert "chat_endpoint is no URL" in check.found


@pytest.fixture
def engine() -> Iterator[Engine]:
    yield from running(Engine(streamed()))


@pytest.fixture
def locked_engine() -> Iterator[Engine]:
    refuse = refusing(401, {"error": {"message": "Incorrect API key: sk-secret"}})
    yield from running(Engine(streamed(), models=refuse))


def running(engine: Engine) -> Iterator[Engine]:
    """An engine in a thread of its own: the check runs an event loop itself."""
    loop = asyncio.new_event_loop()
    ready, end = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with engine.running():
            ready.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    try:
        yield engine
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


def test_an_engine_elsewhere_is_asked(engine: Engine) -> None:
    check = check_chat(Settings(chat_endpoint=engine.url, chat_api_key="sk-secret"), MODEL)
    assert (check.state, check.found) == (State.OK, f"{engine.url} answers with first")
    assert engine.headers[0]["Authorization"] == "Bearer sk-secret"


def test_an_engine_that_refuses_the_key_is_broken_and_the_key_is_not_shown(
    locked_engine: Engine,
) -> None:
    check = check_chat(Settings(chat_endpoint=locked_engine.url, chat_api_key="sk-secret"), MODEL)
    assert check.state is State.BROKEN
    assert "chat_api_key" in check.hint
    assert "sk-secret" not in check.found + check.hint


def test_an_engine_that_is_down_is_broken() -> None:
    check = check_chat(Settings(chat_endpoint="http://127.0.0.1:9/v1"), CHATTING)
    assert check.state is State.BROKEN
    assert "127.0.0.1:9" in check.found
