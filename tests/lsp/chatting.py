"""Chats of an editor with a server whose model is scripted, or real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from lsp_server.settings import Settings
from model_runtime.api import Capability, ChatRequest, Role
from tests.fakes import MODEL, Call, FakeRuntime
from tests.lsp.client import LspClient, Message
from tests.lsp.sessions import session

CHATTING_MODEL = replace(MODEL, capabilities=MODEL.capabilities | {Capability.CHAT})
REQUEST_FAILED, SERVER_CANCELLED, CONTENT_MODIFIED, CANCELLED = -32803, -32802, -32801, -32800
INVALID_PARAMS = -32602
ONLY_WHEN_ASKED = Settings(warm_up=False, guess_ahead=False)

Scenario = Callable[[LspClient, FakeRuntime], Awaitable[None]]


def chat(scenario: Scenario, settings: Settings = ONLY_WHEN_ASKED, **further: Any) -> FakeRuntime:
    """A session with a model that chats."""

    async def with_model(client: LspClient, runtime: FakeRuntime) -> None:
        runtime.model = CHATTING_MODEL
        await scenario(client, runtime)

    return session(with_model, settings=settings, **further)


def saying(message: str, conversation: str = "", **further: object) -> dict[str, object]:
    """The parameters of a question."""
    return {
        "message": message,
        "partialResultToken": f"partial {message}",
        **({"conversation": conversation} if conversation else {}),
        **further,
    }


def ask(client: LspClient, message: str, conversation: str = "", **further: object) -> int:
    return client.ask("fimbria/chat", saying(message, conversation, **further))


async def result_of(client: LspClient, method: str, **params: object) -> Any:
    return await client.result(client.ask(method, params))


async def error_of(client: LspClient, method: str, params: object) -> Message:
    """The error that a request is answered with; never with a traceback or a bug's text."""
    error: Message = (await client.answer(client.ask(method, params)))["error"]
    assert "data" not in error
    assert "Traceback" not in error["message"]
    return error


def partial_results(client: LspClient, token: str) -> list[dict[str, Any]]:
    """Take what has come for one question so far."""
    mine = [
        message
        for message in client.unread
        if message["method"] == "$/progress" and message["params"]["token"] == token
    ]
    for message in mine:
        client.unread.remove(message)
    return [message["params"]["value"] for message in mine]


def streamed_text(values: list[dict[str, Any]]) -> str:
    return "".join(value["text"] for value in values if value["kind"] == "text")


def conversation_sent(call: Call) -> list[tuple[str, str]]:
    """Who said what, as the model sees it, without the system prompt."""
    assert isinstance(call.request, ChatRequest)
    system, *rest = call.request.messages
    assert system.role is Role.SYSTEM
    return [(message.role.value, message.content) for message in rest]


def range_json(start: tuple[int, int], end: tuple[int, int]) -> Mapping[str, object]:
    return {
        name: {"line": line, "character": character}
        for name, (line, character) in [("start", start), ("end", end)]
    }


async def answered(
    client: LspClient, runtime: FakeRuntime, question: str, answer: str, conversation: str = ""
) -> dict[str, Any]:
    """Ask a question, have it answered, and leave nothing unread."""
    request = ask(client, question, conversation)
    (await runtime.next_call()).answer(answer)
    result: dict[str, Any] = await client.result(request)
    partial_results(client, f"partial {question}")
    return result


async def still_answers(client: LspClient, runtime: FakeRuntime) -> None:
    runtime.outcome = "Yes."
    result = await result_of(client, "fimbria/chat", message="Are you there?")
    assert result["answer"]["content"] == "Yes."
