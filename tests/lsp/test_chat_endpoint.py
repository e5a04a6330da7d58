"""Chats with an engine elsewhere, over real sockets: answers, changing settings, every failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from model_runtime.api import Role
from tests.daemon.openai_engines import Engine, end, piece, refusing, sse, streamed
from tests.fakes import FakeRuntime
from tests.lsp.chatting import (
    CANCELLED,
    REQUEST_FAILED,
    ask,
    error_of,
    partial_results,
    result_of,
    streamed_text,
)
from tests.lsp.client import LspClient, cancelling
from tests.lsp.sessions import session

KEY = "sk-very-secret"
Scenario = Callable[[LspClient], Awaitable[None]]


def configure(client: LspClient, **settings: object) -> None:
    values = {"settings": {"fimbria": settings}}
    client.notify("workspace/didChangeConfiguration", values)


def with_engine(engine: Engine, scenario: Scenario) -> FakeRuntime:
    """A session whose chats go to a running engine; the completion model does not chat."""

    async def whole(client: LspClient, runtime: FakeRuntime) -> None:
        async with engine.running():
            configure(client, chatEndpoint=engine.url, chatModel="second", chatApiKey=KEY)
            await scenario(client)
            assert KEY not in str([m for way, m in client.transcript if way == "←"])

    return session(whole)


def test_an_answer_streams_from_an_engine_elsewhere() -> None:
    engine = Engine(streamed(piece("Hello "), piece("there"), end()))

    async def scenario(client: LspClient) -> None:
        result = await client.result(ask(client, "Hi"))
        assert result["answer"]["content"] == "Hello there"
        assert result["answer"]["model"] == "second"
        assert streamed_text(partial_results(client, "partial Hi")) == "Hello there"

    runtime = with_engine(engine, scenario)
    assert runtime.calls == []
    (body,) = engine.bodies
    assert body["model"] == "second"
    assert [message["role"] for message in body["messages"]] == [Role.SYSTEM, Role.USER]
    assert engine.headers[-1]["Authorization"] == f"Bearer {KEY}"


def test_the_key_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lsp_server")
    caplog.set_level(logging.DEBUG, "model_runtime")
    refuse = refusing(401, {"error": {"message": f"Incorrect API key: {KEY}"}})

    async def scenario(client: LspClient) -> None:
        error = await error_of(client, "fimbria/chat", {"message": "Hi"})
        assert error["code"] == REQUEST_FAILED
        assert "chat_api_key" in error["message"]

    with_engine(Engine(refuse), scenario)
    assert KEY not in caplog.text


def test_a_key_that_is_kept_is_not_shown() -> None:
    async def scenario(client: LspClient) -> None:
        configure(client, chatApiKey=[])
        shown = await client.take("window/showMessage")
        assert "chatApiKey" in shown["params"]["message"]
        await client.take("window/logMessage")

    with_engine(Engine(streamed(end())), scenario)


def test_what_is_said_reaches_the_log_at_debug_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    quoting = refusing(400, {"error": {"message": "I do not like: my question"}})

    async def scenario(client: LspClient) -> None:
        error = await error_of(client, "fimbria/chat", {"message": "my question"})
        assert "my question" in error["message"]

    with_engine(Engine(quoting), scenario)
    ours = [record for record in caplog.records if record.name.startswith(("lsp", "model"))]
    assert ours
    assert "my question" not in "".join(record.getMessage() for record in ours)


def test_another_engine_is_used_as_soon_as_it_is_set() -> None:
    first, other = (Engine(streamed(piece(name), end())) for name in ("first", "other"))

    async def whole(client: LspClient, runtime: FakeRuntime) -> None:
        async with first.running(), other.running():
            for engine, expected in [(first, "first"), (other, "other"), (first, "first")]:
                configure(client, chatEndpoint=engine.url)
                result = await result_of(client, "fimbria/chat", message="Hi")
                assert result["answer"]["content"] == expected
            configure(client, chatEndpoint="")
            status = await result_of(client, "fimbria/chat/status")
            assert status["isAvailable"] is False

    session(whole)


def test_an_answer_that_has_begun_ends_though_the_settings_change() -> None:
    hanging, other = Hanging(), Engine(streamed(piece("other"), end()))

    async def scenario(client: LspClient) -> None:
        request = ask(client, "Hi")
        await asyncio.wait_for(hanging.started.wait(), 30)
        async with other.running():
            configure(client, chatEndpoint=other.url)
            result = await result_of(client, "fimbria/chat", message="And you?")
            assert result["answer"]["content"] == "other"
            hanging.may_end.set()
            assert (await client.result(request))["answer"]["content"] == "Well"
            partial_results(client, "partial Hi")

    with_engine(Engine(hanging.handle), scenario)


def test_a_conversation_that_outgrows_the_engine_loses_its_oldest_turns() -> None:
    engine = Engine(streamed(piece("Yes"), end()))

    async def scenario(client: LspClient) -> None:
        conversation = {}
        for number in range(12):
            message = f"{number}: {'word ' * 800}"
            result = await result_of(client, "fimbria/chat", message=message, **conversation)
            conversation = {"conversation": result["conversation"]}

    with_engine(engine, scenario)
    sizes = [sum(len(each["content"]) for each in body["messages"]) for body in engine.bodies]
    assert max(sizes) < 3 * 8192
    assert [each["content"][:3] for each in engine.bodies[-1]["messages"][-3:]] == [
        "10:", "Yes", "11:",
    ]  # fmt: skip
    assert engine.bodies[-1]["messages"][0]["role"] == "system"
    firsts = [body["messages"][1]["content"][:2] for body in engine.bodies]
    assert len(set(firsts)) == 4, "in hops: each one loses the engine's cache"


def test_cancelling_closes_the_connection() -> None:
    async def scenario(client: LspClient) -> None:
        request = ask(client, "Hi")
        await asyncio.wait_for(hanging.started.wait(), 30)
        client.send(cancelling(request))
        assert (await client.answer(request))["error"]["code"] == CANCELLED
        await asyncio.wait_for(hanging.left.wait(), 30)
        partial_results(client, "partial Hi")

    hanging = Hanging()
    with_engine(Engine(hanging.handle), scenario)


def test_an_engine_that_says_nothing_is_waited_for_as_long_as_the_user_wants() -> None:
    async def scenario(client: LspClient) -> None:
        request = ask(client, "Hi")
        await asyncio.wait_for(hanging.started.wait(), 30)
        assert (await result_of(client, "fimbria/chat/status"))["isAvailable"] is True
        client.send(cancelling(request))
        assert (await client.answer(request))["error"]["code"] == CANCELLED
        partial_results(client, "partial Hi")

    hanging = Hanging(says="")
    with_engine(Engine(hanging.handle), scenario)


class Hanging:
    """Begins an answer and does not end it before it may."""

    def __init__(self, says: str = "Well") -> None:
        self._says = says
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.left = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            if self._says:
                await response.prepare(request)
                await response.write(sse(piece(self._says), done=False).encode())
            self.started.set()
            await self.may_end.wait()
            await response.write(sse(end()).encode())
        finally:
            self.left.set()
        return response


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (refusing(500, {"error": {"message": "CUDA out of memory"}}), "CUDA out of memory"),
        (refusing(404, {"error": {"message": "model not found"}}), "chat_model"),
        (refusing(502, "<html>Bad gateway</html>"), "HTTP 502"),
        (refusing(429, {}), "too much to do"),
        (streamed(piece("Well"), done=False), "broke off"),
        (streamed("data: {nonsense\n\n"), "damaged"),
        (streamed(end()), "empty"),
        (streamed(piece("  \n"), end()), "empty"),
    ],
)
def test_a_failure_is_told_and_the_server_goes_on(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], says: str
) -> None:
    engine = Engine(answer)

    async def scenario(client: LspClient) -> None:
        error = await error_of(client, "fimbria/chat", {"message": "Hi"})
        assert error["code"] == REQUEST_FAILED
        assert says in error["message"]
        engine.answer = streamed(piece("Yes"), end())
        result = await result_of(client, "fimbria/chat", message="Are you there?")
        assert result["answer"]["content"] == "Yes"

    with_engine(engine, scenario)


def test_an_engine_that_is_down_and_comes_up() -> None:
    engine = Engine(streamed(piece("Yes"), end()))

    async def whole(client: LspClient, runtime: FakeRuntime) -> None:
        async with engine.running():
            configure(client, chatEndpoint=engine.url)
        error = await error_of(client, "fimbria/chat", {"message": "Hi"})
        assert "No engine answers" in error["message"]
        async with engine.running():
            configure(client, chatEndpoint=engine.url)
            result = await result_of(client, "fimbria/chat", message="Hi")
            assert result["answer"]["content"] == "Yes"

    session(whole)


def test_a_mistaken_endpoint_is_replaced_by_no_other_model() -> None:
    async def scenario(client: LspClient, runtime: FakeRuntime) -> None:
        configure(client, chatEndpoint="127.0.0.1:8080/v1", chatModel="second")
        message = (await client.take("window/showMessage"))["params"]["message"]
        assert "must be a URL such as http://127.0.0.1:8080/v1; nobody answers chats" in message
        await client.take("window/logMessage")
        status = await client.result(client.ask("fimbria/chat/status", {}))
        assert not status["isAvailable"]
        assert "chat_endpoint is no URL" in status["whyNot"]
        failure = await error_of(client, "fimbria/chat", {"message": "Hi"})
        assert "chat_endpoint is no URL" in str(failure)
        assert runtime.calls == []

    session(scenario)
