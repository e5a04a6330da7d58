"""Which model answers a chat, and what a client hears that asks in vain or wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.settings import Settings
from model_runtime.api import (
    ModelNotFound,
)
from tests.fakes import FakeRuntime
from tests.lsp.chatting import (
    CHATTING_MODEL,
    INVALID_PARAMS,
    REQUEST_FAILED,
    chat,
    conversation_sent,
    error_of,
    result_of,
    still_answers,
)
from tests.lsp.client import LspClient
from tests.lsp.sessions import session


def test_a_model_that_does_not_chat_names_the_settings_that_bring_chat(data_folder: Path) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        for _ in range(2):
            error = await error_of(client, "fimbria/chat", {"message": "One?"})
            assert error["code"] == REQUEST_FAILED
            assert "fake does not chat" in error["message"]
            assert "chat_model" in error["message"]
            assert "chat_endpoint" in error["message"]
        status = await result_of(client, "fimbria/chat/status")
        assert status["isAvailable"] is False
        assert status["whyNot"] == error["message"]
        assert await result_of(client, "fimbria/chat/list") == []

    runtime = session(scenario)
    assert runtime.calls == [], "no question is sent to a model that does not chat"
    assert not data_folder.exists()


def test_a_model_that_cannot_be_loaded_is_an_error() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = ModelNotFound("There is no model in ~/nowhere.", "Set model.")
        error = await error_of(client, "fimbria/chat", {"message": "One?"})
        assert error["message"] == "There is no model in ~/nowhere. Set model."

    session(scenario)


def test_a_second_model_brings_chat_at_once_when_it_is_set() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await error_of(client, "fimbria/chat", {"message": "One?"})
        client.notify(
            "workspace/didChangeConfiguration",
            {"settings": {"fimbria": {"chatModel": "some-instruct"}}},
        )
        status = await result_of(client, "fimbria/chat/status")
        assert status["isAvailable"] is True
        assert status["model"] == "some-instruct"
        await still_answers(client, runtime)
        assert runtime.made_with[-1].chat_model == "some-instruct"

    session(scenario)


def test_a_model_that_chats_itself_is_the_one_that_is_named() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = CHATTING_MODEL
        configured = {"settings": {"fimbria": {"chatModel": "some-instruct"}}}
        client.notify("workspace/didChangeConfiguration", configured)
        client.open("x = \n")
        request = client.complete(0, 4)
        (await runtime.next_call()).answer("1")
        await client.result(request)
        status = await result_of(client, "fimbria/chat/status")
        assert status["model"] == CHATTING_MODEL.id

    session(scenario)


def test_the_log_says_once_at_the_start_which_setting_brings_chat(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "lsp_server.chat_link")

    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        await runtime.made.wait()
        await client.settle()

    session(scenario, settings=Settings())
    (line,) = [record.getMessage() for record in caplog.records if "chat_model" in record.message]
    assert line.startswith("fake does not chat: set chat_model")


@pytest.mark.parametrize(
    ("method", "params", "names"),
    [
        ("fimbria/chat", None, "params"),
        ("fimbria/chat", [], "params"),
        ("fimbria/chat", {}, "message"),
        ("fimbria/chat", {"message": 1}, "message"),
        ("fimbria/chat", {"message": " \n"}, "message"),
        ("fimbria/chat", {"message": "a", "conversation": "../../etc/passwd"}, "conversation"),
        ("fimbria/chat", {"message": "a", "conversation": 7}, "conversation"),
        ("fimbria/chat", {"message": "a", "conversation": "0" * 16}, "conversation"),
        ("fimbria/chat", {"message": "a", "replaces": "0"}, "replaces"),
        ("fimbria/chat", {"message": "a", "references": {}}, "references"),
        ("fimbria/chat", {"message": "a", "references": [{}]}, "references[0].uri"),
        ("fimbria/chat", {"message": "a", "references": [{"uri": "u"}] * 101}, "references"),
        ("fimbria/chat", {"message": "a", "references": [1]}, "references[0]"),
        (
            "fimbria/chat",
            {"message": "a", "references": [{"uri": "u", "range": {}}]},
            "references[0].range.start",
        ),
        (
            "fimbria/chat",
            {"message": "a", "references": [{"uri": "u", "diagnostic": {"message": "m"}}]},
            "references[0].diagnostic.range",
        ),
        ("fimbria/chat", {"message": "a", "partialResultToken": []}, "partialResultToken"),
        ("fimbria/chat/get", {}, "conversation"),
        ("fimbria/chat/list", {"limit": 0}, "limit"),
        ("fimbria/chat/list", {"limit": True}, "limit"),
        ("fimbria/chat/rename", {"conversation": "0" * 16, "title": ""}, "title"),
        ("fimbria/chat/rename", {"conversation": "0" * 16, "title": "a"}, "conversation"),
        ("fimbria/chat/delete", {"conversation": "0" * 16}, "conversation"),
    ],
)
def test_a_mistake_is_named(method: str, params: object, names: str) -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        error = await error_of(client, method, params)
        assert error["code"] == INVALID_PARAMS
        assert names in error["message"]
        await still_answers(client, runtime)

    chat(scenario)


def test_keys_that_are_no_names_and_halves_of_characters_do_no_harm() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        params = {"message": "a \ud83d", "type_name": "x y", "class": 1, "": None}
        request = client.ask("fimbria/chat", params)
        call = await runtime.next_call()
        assert conversation_sent(call) == [("user", "a ?")]
        call.answer("b")
        await client.result(request)

    chat(scenario)


def test_a_request_without_parameters_needs_no_member_for_them() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        client.send({"id": "bare", "method": "fimbria/chat/status"})
        assert "isAvailable" in await client.result("bare")

    session(scenario)
